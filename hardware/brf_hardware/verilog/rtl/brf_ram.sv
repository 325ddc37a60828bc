// A memory with one write port and one synchronous read port. Its users never read a word in the cycle that writes it
// and rely on the answer, so any block RAM will do; its contents at power-up do not matter, reset writes every word.
`default_nettype none
module brf_ram #(
    parameter integer WIDTH = 8,
    parameter integer DEPTH = 2,
    parameter integer ADDRESS_BITS = 1
) (
    input wire logic clk,
    input wire logic write,
    input wire logic [ADDRESS_BITS-1:0] write_address,
    input wire logic [WIDTH-1:0] write_data,
    input wire logic [ADDRESS_BITS-1:0] read_address,
    output logic [WIDTH-1:0] read_data
);
  logic [WIDTH-1:0] memory[0:DEPTH-1];
  always_ff @(posedge clk) begin
    if (write) memory[write_address] <= write_data;
    read_data <= memory[read_address];
  end
endmodule
`default_nettype wire
