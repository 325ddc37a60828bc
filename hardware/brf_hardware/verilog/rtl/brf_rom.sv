// A read-only memory with synchronous read, filled from a hexadecimal file: one word a line, the first is word 0.
`default_nettype none
module brf_rom #(
    parameter integer WIDTH = 8,
    parameter integer DEPTH = 2,
    parameter integer ADDRESS_BITS = 1,
    parameter FILE = ""
) (
    input wire logic clk,
    input wire logic [ADDRESS_BITS-1:0] address,
    output logic [WIDTH-1:0] data
);
  logic [WIDTH-1:0] memory[0:DEPTH-1];
  initial if (FILE != "") $readmemh(FILE, memory);
  always_ff @(posedge clk) data <= memory[address];
endmodule
`default_nettype wire
