// One stream to two receivers. Each receiver gets every beat once, whenever it is ready; the sender's beat is taken
// when both have it. No `valid` waits for a `ready`.
`default_nettype none
module brf_fork (
    input wire logic clk,
    input wire logic rst,
    input wire logic in_valid,
    output logic in_ready,
    output logic a_valid,
    input wire logic a_ready,
    output logic b_valid,
    input wire logic b_ready
);
  logic a_done, b_done;
  assign a_valid  = in_valid && !a_done;
  assign b_valid  = in_valid && !b_done;
  assign in_ready = (a_done || a_ready) && (b_done || b_ready);
  always_ff @(posedge clk) begin
    a_done <= !rst && in_valid && !in_ready && (a_done || a_ready);
    b_done <= !rst && in_valid && !in_ready && (b_done || b_ready);
  end
endmodule
`default_nettype wire
