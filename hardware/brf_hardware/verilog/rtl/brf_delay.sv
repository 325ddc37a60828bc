// `out` is `in` of CYCLES cycles ago, and 0 after a reset; with CYCLES = 0 a wire.
`default_nettype none
module brf_delay #(
    parameter integer WIDTH = 1,
    parameter integer CYCLES = 0
) (
    input wire logic clk,
    input wire logic rst,
    input wire logic [WIDTH-1:0] in,
    output logic [WIDTH-1:0] out
);
  generate
    if (CYCLES == 0) begin : g_wire
      logic unused;
      assign unused = &{1'b0, clk, rst};
      assign out = in;
    end else begin : g_registers
      localparam integer BITS = WIDTH * CYCLES;
      logic [BITS-1:0] line;  // the oldest on top
      always_ff @(posedge clk) line <= rst ? '0 : BITS'({line, in});
      assign out = line[BITS-1-:WIDTH];
    end
  endgenerate
endmodule
`default_nettype wire
