// Event-driven synapses: an event walks its column of weights and adds a term to the sum of every target.
//
//   sum[i] += (message * weight[source][i]) << shift[kind][i]        i = 0 .. TARGETS-1, one a cycle
//
// An event takes PERIOD = max(TARGETS, 2) cycles; the next one is accepted in the last of them. Sums are read through
// `read_index` (one cycle later) and set to zero through `clear`. Neither may be used for a sum that a walk can still
// reach: the last sum is written two cycles after a walk's last cycle, four with graded messages.
// Sums need no more than SUM_BITS in whatever order events come: the widths follow from the weights.
`default_nettype none
module brf_synapses #(
    parameter integer TARGETS = 2,
    parameter integer INDEX_BITS = 1,
    parameter integer SOURCE_BITS = 1,  // of source numbers: inputs first, then the layer's own neurons
    parameter integer GRADED = 0,  // 1: messages are numbers; 0: they are 1 and nothing is multiplied
    parameter integer MESSAGE_BITS = 1,
    parameter integer WEIGHT_BITS = 8,
    parameter integer WEIGHTS = 4,
    parameter integer WEIGHT_ADDRESS_BITS = 2,
    parameter integer SHIFT_BITS = 1,
    parameter integer SHIFTS = 4,  // TARGETS of the inputs, then TARGETS of the recurrence, where there is one
    parameter integer SHIFT_ADDRESS_BITS = 2,
    parameter integer WEIGHTED_BITS = 8,  // of message * weight
    parameter integer TERM_BITS = 9,  // of the same, shifted
    parameter integer SUM_BITS = 10,
    parameter integer A_BITS = 18,
    parameter integer B_BITS = 18,
    parameter WEIGHT_FILE = "",
    parameter SHIFT_FILE = ""
) (
    input wire logic clk,
    input wire logic rst,
    // events
    input wire logic event_valid,
    output logic event_ready,
    input wire logic [SOURCE_BITS-1:0] event_source,
    input wire logic event_recurrent,
    input wire logic [MESSAGE_BITS-1:0] event_message,
    // sums
    input wire logic [INDEX_BITS-1:0] read_index,
    output logic signed [SUM_BITS-1:0] sum,
    input wire logic clear,
    input wire logic [INDEX_BITS-1:0] clear_index,
    // the shared multiplier; operands are zero when it is not needed
    output logic signed [A_BITS-1:0] mul_a,
    output logic signed [B_BITS-1:0] mul_b,
    input wire logic signed [WEIGHTED_BITS-1:0] product
);
  localparam integer PERIOD = TARGETS < 2 ? 2 : TARGETS;
  localparam integer COUNT_BITS = $clog2(PERIOD);
  localparam integer DELAY = GRADED != 0 ? 2 : 0;  // of the multiplier

  // The first address of a source's column. A product with a constant, written as additions to spare a multiplier.
  function automatic [WEIGHT_ADDRESS_BITS-1:0] column(input [SOURCE_BITS-1:0] source);
    integer i;
    column = '0;
    for (i = 0; i < $clog2(TARGETS + 1); i = i + 1)
      if (((TARGETS >> i) & 1) != 0) column = column + (WEIGHT_ADDRESS_BITS'(source) << i);
  endfunction

  // Stage 0: the walk. Addresses go to the memories.
  logic walking;
  logic [COUNT_BITS-1:0] position;
  logic [WEIGHT_ADDRESS_BITS-1:0] weight_address;
  logic [SHIFT_ADDRESS_BITS-1:0] shift_address;
  logic [MESSAGE_BITS-1:0] message;
  logic last_position, hit;
  assign last_position = position == COUNT_BITS'(PERIOD - 1);
  assign event_ready = !walking || last_position;
  generate
    if (PERIOD == TARGETS) begin : g_hit_always
      assign hit = walking;
    end else begin : g_hit_first
      assign hit = walking && !last_position;  // one target, and a cycle in which nothing is added
    end
  endgenerate
  always_ff @(posedge clk) begin
    if (rst) walking <= 1'b0;
    else if (event_ready) walking <= event_valid;
    if (event_ready && event_valid) begin
      position <= '0;
      weight_address <= column(event_source);
      shift_address <= event_recurrent ? SHIFT_ADDRESS_BITS'(TARGETS) : '0;
      message <= event_message;
    end else begin
      position <= position + 1'b1;
      weight_address <= weight_address + 1'b1;
      shift_address <= shift_address + 1'b1;
    end
  end

  // Stage 1: weight and shift are there. The product follows two cycles later where messages are graded.
  logic hit_1;
  logic [INDEX_BITS-1:0] target_1;
  logic [MESSAGE_BITS-1:0] message_1;
  logic [WEIGHT_BITS-1:0] weight_word;
  logic [SHIFT_BITS-1:0] shift_1;
  brf_rom #(
      .WIDTH(WEIGHT_BITS),
      .DEPTH(WEIGHTS),
      .ADDRESS_BITS(WEIGHT_ADDRESS_BITS),
      .FILE(WEIGHT_FILE)
  ) weights (
      .clk(clk),
      .address(weight_address),
      .data(weight_word)
  );
  brf_rom #(
      .WIDTH(SHIFT_BITS),
      .DEPTH(SHIFTS),
      .ADDRESS_BITS(SHIFT_ADDRESS_BITS),
      .FILE(SHIFT_FILE)
  ) shifts (
      .clk(clk),
      .address(shift_address),
      .data(shift_1)
  );
  always_ff @(posedge clk) begin
    hit_1 <= hit && !rst;
    target_1 <= INDEX_BITS'(position);
    message_1 <= message;
  end
  logic signed [WEIGHTED_BITS-1:0] weighted;
  generate
    if (GRADED != 0) begin : g_graded
      assign mul_a = hit_1 ? A_BITS'($signed({1'b0, message_1})) : '0;
      assign mul_b = hit_1 ? B_BITS'($signed(weight_word)) : '0;
      assign weighted = product;
    end else begin : g_binary
      logic unused;
      assign unused = &{1'b0, product, message_1};
      assign mul_a = '0;
      assign mul_b = '0;
      assign weighted = WEIGHTED_BITS'($signed(weight_word));
    end
  endgenerate

  // Stage 2: the weighted message is there. It is shifted while its target's sum is read.
  logic hit_2;
  logic [INDEX_BITS-1:0] target_2;
  logic [SHIFT_BITS-1:0] shift_2;
  brf_delay #(
      .WIDTH (1 + INDEX_BITS + SHIFT_BITS),
      .CYCLES(DELAY)
  ) to_product (
      .clk(clk),
      .rst(rst),
      .in ({hit_1, target_1, shift_1}),
      .out({hit_2, target_2, shift_2})
  );

  // Stage 3: add and write back.
  logic hit_3;
  logic [INDEX_BITS-1:0] target_3;
  logic signed [TERM_BITS-1:0] term;
  logic signed [SUM_BITS-1:0] sum_word;
  always_ff @(posedge clk) begin
    hit_3 <= hit_2 && !rst;
    target_3 <= target_2;
    term <= TERM_BITS'(weighted) <<< shift_2;
  end
  assign sum = sum_word;
  brf_ram #(
      .WIDTH(SUM_BITS),
      .DEPTH(PERIOD),
      .ADDRESS_BITS(INDEX_BITS)
  ) sums (
      .clk(clk),
      .write(hit_3 || clear),
      .write_address(hit_3 ? target_3 : clear_index),
      .write_data(hit_3 ? sum_word + SUM_BITS'(term) : '0),
      .read_address(hit_2 ? target_2 : read_index),
      .read_data(sum_word)
  );
endmodule
`default_nettype wire
