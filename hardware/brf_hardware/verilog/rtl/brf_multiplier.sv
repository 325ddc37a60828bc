// The one multiplier of a core: signed, operands and product registered. Operands of cycle c give the product that is
// seen in cycle c + 2; a new pair may come every cycle.
`default_nettype none
module brf_multiplier #(
    parameter integer A_BITS = 18,
    parameter integer B_BITS = 18,
    parameter integer PRODUCT_BITS = 36
) (
    input wire logic clk,
    input wire logic signed [A_BITS-1:0] a,
    input wire logic signed [B_BITS-1:0] b,
    output logic signed [PRODUCT_BITS-1:0] product
);
  logic signed [A_BITS-1:0] a_held;
  logic signed [B_BITS-1:0] b_held;
  always_ff @(posedge clk) begin
    a_held  <= a;
    b_held  <= b;
    product <= PRODUCT_BITS'(a_held) * PRODUCT_BITS'(b_held);
  end
endmodule
`default_nettype wire
