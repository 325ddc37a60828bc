// A layer of resonators. A step takes the events of its inputs, one a beat, up to the one marked `last`; then its own
// spikes of the step before; then it updates every neuron and sends its spikes, then a beat of value 0 marked `last`.
//
// Cycles of a step, from the first beat taken to the cycle after the last one sent, where the receiver takes an event
// in `next` cycles:  beats + (events + recurrent spikes) * max(NEURONS, 2) + 7 * NEURONS + 8 + spikes * next
// where `beats` are those of value 0.
`default_nettype none
module brf_layer #(
    parameter integer INPUTS = 2,
    parameter integer INPUT_INDEX_BITS = 1,
    parameter integer NEURONS = 2,
    parameter integer INDEX_BITS = 1,
    parameter integer COUNT_BITS = 2,  // of numbers up to NEURONS
    parameter integer WORDS = 2,  // NEURONS, and at least 2
    parameter integer RECURRENT = 1,
    parameter integer SOURCE_BITS = 2,
    parameter integer GRADED = 0,
    parameter integer MESSAGE_BITS = 1,
    parameter integer WEIGHT_BITS = 8,
    parameter integer WEIGHTS = 4,
    parameter integer WEIGHT_ADDRESS_BITS = 3,
    parameter integer SHIFT_BITS = 1,
    parameter integer SHIFTS = 4,
    parameter integer SHIFT_ADDRESS_BITS = 2,
    parameter integer WEIGHTED_BITS = 8,
    parameter integer TERM_BITS = 9,
    parameter integer SUM_BITS = 10,
    parameter integer SUM_SHIFT = 0,
    parameter integer STATE_BITS = 24,
    parameter integer Q_BITS = 20,
    parameter integer KEEP_BITS = 21,
    parameter integer ROTATION_BITS = 20,
    parameter integer FACTOR_BITS = 21,
    parameter integer FRACTION = 20,
    parameter integer SPIKE_SHIFT = 16,
    parameter integer THRESHOLD = 65536,
    parameter integer DECAY = 58982,
    parameter integer DECAY_SHIFT = 16,
    parameter integer DECAY_BITS = 36,
    parameter integer GAIN = 2621,
    parameter integer GAIN_SHIFT = 19,
    parameter integer GAIN_BITS = 32,
    parameter integer RESET_SHIFT = 5,
    parameter integer ROTATED_BITS = 45,
    parameter integer ROUNDED_BITS = 25,
    parameter integer TOTAL_BITS = 26,
    parameter integer BARRIER_BITS = 25,
    parameter integer A_BITS = 21,
    parameter integer B_BITS = 24,
    parameter integer UPDATE_BITS = 45,  // of the products of the update
    parameter integer PRODUCT_BITS = 45,
    parameter WEIGHT_FILE = "",
    parameter SHIFT_FILE = "",
    parameter COEFFICIENT_FILE = ""
) (
    input wire logic clk,
    input wire logic rst,
    output logic idle,  // the states are zero, nothing of a step is left, input is welcome
    // input events; value 0 is no event, it only carries `last`
    input wire logic in_valid,
    output logic in_ready,
    input wire logic in_last,
    input wire logic [INPUT_INDEX_BITS-1:0] in_index,
    input wire logic [MESSAGE_BITS-1:0] in_value,
    // spikes
    output logic out_valid,
    input wire logic out_ready,
    output logic out_last,
    output logic [INDEX_BITS-1:0] out_index,
    output logic out_value,
    // the shared multiplier
    output logic signed [A_BITS-1:0] mul_a,
    output logic signed [B_BITS-1:0] mul_b,
    input wire logic signed [PRODUCT_BITS-1:0] product
);
  localparam logic [2:0] SILENCE = 3'd0;  // every state and sum becomes zero
  localparam logic [2:0] GATHER = 3'd1;  // input events walk
  localparam logic [2:0] RECALL = 3'd2;  // the layer's own spikes of the step before walk
  localparam logic [2:0] UPDATE = 3'd3;  // neurons
  localparam logic [2:0] REPORT = 3'd4;  // spikes are sent

  logic [2:0] state;
  logic walk_ready, update_done, at_end, started;
  assign idle = state == GATHER;
  // A walk's last terms are still under way when the update begins: they are written in its first four cycles, and it
  // takes the first sum in its seventh.
  assign started = state == RECALL && walk_ready && at_end;

  logic [INDEX_BITS-1:0] sweep;
  always_ff @(posedge clk)
    if (rst) begin
      state <= SILENCE;
      sweep <= '0;
    end else
      case (state)
        SILENCE: begin
          sweep <= sweep + 1'b1;
          if (sweep == INDEX_BITS'(NEURONS - 1)) state <= GATHER;
        end
        GATHER: if (in_valid && in_ready && in_last) state <= RECALL;
        RECALL: if (started) state <= UPDATE;
        UPDATE: if (update_done) state <= REPORT;
        REPORT: if (out_valid && out_ready && out_last) state <= GATHER;
        default: state <= SILENCE;
      endcase

  // The spikes of a step: written by the update, read by the report and by the recall of the next step.
  logic spike, fetched, advance;
  logic [INDEX_BITS-1:0] spike_index, listed;
  logic [COUNT_BITS-1:0] count, position;
  assign at_end = position == count || (state == RECALL && RECURRENT == 0);
  brf_ram #(
      .WIDTH(INDEX_BITS),
      .DEPTH(WORDS),
      .ADDRESS_BITS(INDEX_BITS)
  ) spikes (
      .clk(clk),
      .write(spike),
      .write_address(INDEX_BITS'(count)),
      .write_data(spike_index),
      .read_address(INDEX_BITS'(position)),
      .read_data(listed)
  );
  always_ff @(posedge clk) begin
    fetched <= !advance;
    if (rst || started || (state == REPORT && out_ready && at_end)) position <= '0;
    else if (advance) position <= position + 1'b1;
    if (rst || started) count <= '0;
    else if (spike) count <= count + 1'b1;
  end
  assign out_valid = state == REPORT && (fetched || at_end);
  assign out_last = at_end;
  assign out_value = !at_end;
  assign out_index = listed;

  // Events: inputs, then the list.
  logic walk_valid;
  assign in_ready = state == GATHER && walk_ready;
  assign walk_valid = state == GATHER ? in_valid && in_value != '0 : state == RECALL && fetched && !at_end;
  assign advance = !at_end && fetched && (state == RECALL ? walk_ready : state == REPORT && out_ready);

  logic [INDEX_BITS-1:0] sum_index, sum_clear_index;
  logic signed [SUM_BITS-1:0] sum;
  logic sum_clear;
  logic signed [A_BITS-1:0] synapses_a, resonator_a;
  logic signed [B_BITS-1:0] synapses_b, resonator_b;
  brf_synapses #(
      .TARGETS(NEURONS),
      .INDEX_BITS(INDEX_BITS),
      .SOURCE_BITS(SOURCE_BITS),
      .GRADED(GRADED),
      .MESSAGE_BITS(MESSAGE_BITS),
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
      .event_valid(walk_valid),
      .event_ready(walk_ready),
      .event_source(state == GATHER ? SOURCE_BITS'(in_index) : SOURCE_BITS'(INPUTS) + SOURCE_BITS'(listed)),
      .event_recurrent(state == RECALL),
      .event_message(state == GATHER ? in_value : MESSAGE_BITS'(1)),
      .read_index(sum_index),
      .sum(sum),
      .clear(sum_clear || state == SILENCE),
      .clear_index(state == SILENCE ? sweep : sum_clear_index),
      .mul_a(synapses_a),
      .mul_b(synapses_b),
      .product(WEIGHTED_BITS'(product))
  );

  brf_resonator #(
      .NEURONS(NEURONS),
      .INDEX_BITS(INDEX_BITS),
      .WORDS(WORDS),
      .STATE_BITS(STATE_BITS),
      .Q_BITS(Q_BITS),
      .KEEP_BITS(KEEP_BITS),
      .ROTATION_BITS(ROTATION_BITS),
      .FACTOR_BITS(FACTOR_BITS),
      .FRACTION(FRACTION),
      .SPIKE_SHIFT(SPIKE_SHIFT),
      .THRESHOLD(THRESHOLD),
      .DECAY(DECAY),
      .DECAY_SHIFT(DECAY_SHIFT),
      .DECAY_BITS(DECAY_BITS),
      .GAIN(GAIN),
      .GAIN_SHIFT(GAIN_SHIFT),
      .GAIN_BITS(GAIN_BITS),
      .RESET_SHIFT(RESET_SHIFT),
      .ROTATED_BITS(ROTATED_BITS),
      .ROUNDED_BITS(ROUNDED_BITS),
      .SUM_BITS(SUM_BITS),
      .SUM_SHIFT(SUM_SHIFT),
      .TOTAL_BITS(TOTAL_BITS),
      .BARRIER_BITS(BARRIER_BITS),
      .A_BITS(A_BITS),
      .B_BITS(B_BITS),
      .PRODUCT_BITS(UPDATE_BITS),
      .COEFFICIENT_FILE(COEFFICIENT_FILE)
  ) resonator (
      .clk(clk),
      .rst(rst),
      .start(started),
      .done(update_done),
      .silence(state == SILENCE),
      .silence_index(sweep),
      .sum_index(sum_index),
      .sum(sum),
      .sum_clear(sum_clear),
      .sum_clear_index(sum_clear_index),
      .spike(spike),
      .spike_index(spike_index),
      .mul_a(resonator_a),
      .mul_b(resonator_b),
      .product(UPDATE_BITS'(product))
  );
  assign mul_a = synapses_a | resonator_a;
  assign mul_b = synapses_b | resonator_b;
endmodule
`default_nettype wire
