// The readout: leaky integrators that take the last layer's spikes of the same step, and one beat an output.
//
//   y' = sat(rtz(keep * y, FRACTION) + sum)        keep = 2^FRACTION - leak
//
// An output takes 6 cycles, and as many more as its receiver lets it wait.
`default_nettype none
module brf_readout #(
    parameter integer SOURCE_BITS = 1,
    parameter integer OUTPUTS = 2,
    parameter integer INDEX_BITS = 1,
    parameter integer WORDS = 2,
    parameter integer WEIGHT_BITS = 8,
    parameter integer WEIGHTS = 4,
    parameter integer WEIGHT_ADDRESS_BITS = 2,
    parameter integer SHIFT_BITS = 1,
    parameter integer SHIFTS = 2,
    parameter integer SHIFT_ADDRESS_BITS = 1,
    parameter integer WEIGHTED_BITS = 8,
    parameter integer TERM_BITS = 9,
    parameter integer SUM_BITS = 10,
    parameter integer SUM_SHIFT = 0,
    parameter integer STATE_BITS = 24,
    parameter integer KEEP_BITS = 17,
    parameter integer FRACTION = 16,
    parameter integer ROUNDED_BITS = 24,
    parameter integer TOTAL_BITS = 25,
    parameter integer A_BITS = 21,
    parameter integer B_BITS = 24,
    parameter integer PRODUCT_BITS = 40,
    parameter WEIGHT_FILE = "",
    parameter SHIFT_FILE = "",
    parameter KEEP_FILE = ""
) (
    input wire logic clk,
    input wire logic rst,
    output logic idle,
    // spikes; value 0 is no spike, it only carries `last`
    input wire logic in_valid,
    output logic in_ready,
    input wire logic in_last,
    input wire logic [SOURCE_BITS-1:0] in_index,
    input wire logic in_value,
    // the integrators after the step, in order
    output logic out_valid,
    input wire logic out_ready,
    output logic out_last,
    output logic [INDEX_BITS-1:0] out_index,
    output logic signed [STATE_BITS-1:0] out_value,
    // the shared multiplier
    output logic signed [A_BITS-1:0] mul_a,
    output logic signed [B_BITS-1:0] mul_b,
    input wire logic signed [PRODUCT_BITS-1:0] product
);
  localparam logic signed [PRODUCT_BITS-1:0] BELOW_ONE = (PRODUCT_BITS'(1) << FRACTION) - PRODUCT_BITS'(1);
  localparam logic signed [TOTAL_BITS-1:0] LIMIT = (TOTAL_BITS'(1) << (STATE_BITS - 1)) - TOTAL_BITS'(1);
  localparam logic [1:0] SILENCE = 2'd0;
  localparam logic [1:0] GATHER = 2'd1;
  localparam logic [1:0] UPDATE = 2'd2;

  logic [1:0] state;
  logic [2:0] slot;
  logic [INDEX_BITS-1:0] output_index;  // of the output in UPDATE, of the word made zero in SILENCE
  logic walk_ready, taken, final_output;
  assign idle = state == GATHER;
  assign in_ready = state == GATHER && walk_ready;
  assign out_valid = state == UPDATE && slot == 3'd5;
  assign out_last = final_output;
  assign out_index = output_index;
  assign taken = out_valid && out_ready;
  assign final_output = output_index == INDEX_BITS'(OUTPUTS - 1);
  always_ff @(posedge clk)
    if (rst) begin
      state <= SILENCE;
      output_index <= '0;
      slot <= 3'd0;
    end else
      case (state)
        SILENCE: begin
          output_index <= final_output ? '0 : output_index + 1'b1;
          if (final_output) state <= GATHER;
        end
        GATHER: if (in_valid && in_ready && in_last) state <= UPDATE;
        UPDATE:
        if (taken) begin
          slot <= 3'd0;
          output_index <= final_output ? '0 : output_index + 1'b1;
          if (final_output) state <= GATHER;
        end else if (slot != 3'd5) slot <= slot + 3'd1;
        default: state <= SILENCE;
      endcase

  logic signed [SUM_BITS-1:0] sum;
  logic signed [A_BITS-1:0] synapses_a;
  logic signed [B_BITS-1:0] synapses_b;
  brf_synapses #(
      .TARGETS(OUTPUTS),
      .INDEX_BITS(INDEX_BITS),
      .SOURCE_BITS(SOURCE_BITS),
      .GRADED(0),
      .MESSAGE_BITS(1),
      .WEIGHT_BITS(WEIGHT_BITS),
      .WEIGHTS(WEIGHTS),
      .WEIGHT_ADDRESS_BITS(WEIGHT_ADDRESS_BITS),
      .SHIFT_BITS(SHIFT_BITS),
      .SHIFTS(SHIFTS),
      .SHIFT_ADDRESS_BITS(SHIFT_ADDRESS_BITS),
      .WEIGHTED_BITS(WEIGHTED_BITS),
      .TERM_BITS(TERM_BITS),
      .SUM_BITS(SUM_BITS),
      .A_BITS(A_BITS),
      .B_BITS(B_BITS),
      .WEIGHT_FILE(WEIGHT_FILE),
      .SHIFT_FILE(SHIFT_FILE)
  ) synapses (
      .clk(clk),
      .rst(rst),
      .event_valid(in_valid && in_value && state == GATHER),
      .event_ready(walk_ready),
      .event_source(in_index),
      .event_recurrent(1'b0),
      .event_message(1'b1),
      .read_index(output_index),
      .sum(sum),
      .clear(taken || state == SILENCE),
      .clear_index(output_index),
      .mul_a(synapses_a),
      .mul_b(synapses_b),
      .product(WEIGHTED_BITS'(product))
  );

  // Slot 1: the product is begun. 3: it is rounded. 4: the sum is added and clipped. 5: the output is sent and written.
  logic [KEEP_BITS-1:0] keep;
  logic signed [STATE_BITS-1:0] y, y_new;
  brf_rom #(
      .WIDTH(KEEP_BITS),
      .DEPTH(WORDS),
      .ADDRESS_BITS(INDEX_BITS),
      .FILE(KEEP_FILE)
  ) leaks (
      .clk(clk),
      .address(output_index),
      .data(keep)
  );
  brf_ram #(
      .WIDTH(STATE_BITS),
      .DEPTH(WORDS),
      .ADDRESS_BITS(INDEX_BITS)
  ) states (
      .clk(clk),
      .write(taken || state == SILENCE),
      .write_address(output_index),
      .write_data(state == SILENCE ? '0 : y_new),
      .read_address(output_index),
      .read_data(y)
  );
  logic begun;
  assign begun = state == UPDATE && slot == 3'd1;
  assign mul_a = synapses_a | (begun ? A_BITS'($signed({1'b0, keep})) : '0);
  assign mul_b = synapses_b | (begun ? B_BITS'(y) : '0);

  logic signed [ROUNDED_BITS-1:0] rounded;
  logic signed [TOTAL_BITS-1:0] total;
  // Division by 2^FRACTION: a negative product is rounded up, so that both signs are rounded toward zero.
  function automatic signed [ROUNDED_BITS-1:0] rtz(input signed [PRODUCT_BITS-1:0] scaled);
    rtz = ROUNDED_BITS'((scaled < 0 ? scaled + BELOW_ONE : scaled) >>> FRACTION);
  endfunction
  assign total = TOTAL_BITS'(rounded) + (TOTAL_BITS'(sum) <<< SUM_SHIFT);
  assign out_value = y_new;
  always_ff @(posedge clk) begin
    if (slot == 3'd3) rounded <= rtz(product);
    if (slot == 3'd4) y_new <= STATE_BITS'(total > LIMIT ? LIMIT : total < -LIMIT ? -LIMIT : total);
  end
endmodule
`default_nettype wire
