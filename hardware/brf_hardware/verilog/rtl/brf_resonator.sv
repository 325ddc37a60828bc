// The neurons of a layer, one after the other on one multiplier: docs/arithmetic.md of brf-deploy, section 2.3.
//
//   C  = ((q * GAIN + 2^(GAIN_SHIFT-1)) >> GAIN_SHIFT) << RESET_SHIFT      A = keep - C        keep = 2^FRACTION - D
//   u' = sat(rtz(A*u - W*v, FRACTION) + x)
//   v' = sat(rtz(A*v + W*u, FRACTION))                                     the old u
//   z  = u' > THRESHOLD + q                                                the old q
//   q' = ((q * DECAY) >> DECAY_SHIFT) + (z << SPIKE_SHIFT)
//
// A neuron has a frame of 7 cycles, in which six products are begun; it is finished in the next neuron's frame:
//
//   slot  begun     neuron of this frame                  neuron of the frame before
//   0     W*u (of the frame before)                       A*u - W*v
//   1     GAIN*q                                          u rounded; A*v kept
//   2     DECAY*q                                         A*v + W*u; u + x clipped
//   3               A                                     v rounded; spike; q'
//   4     A*u       decayed q kept                        v clipped
//   5     W*v                                             u', v', q' written
//   6     A*v       A*u, x, THRESHOLD + q kept
//
// `start` in cycle c begins the first frame in c + 1; `done` is in the last of 7 * NEURONS + 6 cycles.
`default_nettype none
module brf_resonator #(
    parameter integer NEURONS = 2,
    parameter integer INDEX_BITS = 1,
    parameter integer WORDS = 2,
    parameter integer STATE_BITS = 24,
    parameter integer Q_BITS = 20,
    parameter integer KEEP_BITS = 21,
    parameter integer ROTATION_BITS = 20,
    parameter integer FACTOR_BITS = 21,  // of A
    parameter integer FRACTION = 20,
    parameter integer SPIKE_SHIFT = 16,
    parameter integer THRESHOLD = 65536,
    parameter integer DECAY = 58982,
    parameter integer DECAY_SHIFT = 16,
    parameter integer DECAY_BITS = 36,  // of q * DECAY
    parameter integer GAIN = 2621,
    parameter integer GAIN_SHIFT = 19,
    parameter integer GAIN_BITS = 32,  // of q * GAIN + half
    parameter integer RESET_SHIFT = 5,
    parameter integer ROTATED_BITS = 45,  // of A*u - W*v
    parameter integer ROUNDED_BITS = 25,
    parameter integer SUM_BITS = 16,
    parameter integer SUM_SHIFT = 0,  // x = sum << SUM_SHIFT
    parameter integer TOTAL_BITS = 26,
    parameter integer BARRIER_BITS = 25,  // of THRESHOLD + q and of u'
    parameter integer A_BITS = 21,
    parameter integer B_BITS = 24,
    parameter integer PRODUCT_BITS = 45,
    parameter COEFFICIENT_FILE = ""
) (
    input wire logic clk,
    input wire logic rst,
    input wire logic start,
    output logic done,
    // silence: states of one neuron become zero
    input wire logic silence,
    input wire logic [INDEX_BITS-1:0] silence_index,
    // synaptic input: the sum of `sum_index`, one cycle later; `sum_clear` when it was taken
    output logic [INDEX_BITS-1:0] sum_index,
    input wire logic signed [SUM_BITS-1:0] sum,
    output logic sum_clear,
    output logic [INDEX_BITS-1:0] sum_clear_index,
    // spikes, in the order of neurons
    output logic spike,
    output logic [INDEX_BITS-1:0] spike_index,
    // the shared multiplier; operands are zero when it is not needed
    output logic signed [A_BITS-1:0] mul_a,
    output logic signed [B_BITS-1:0] mul_b,
    input wire logic signed [PRODUCT_BITS-1:0] product
);
  localparam logic [GAIN_BITS-1:0] HALF = GAIN_BITS'(1) << (GAIN_SHIFT - 1);
  localparam logic signed [ROTATED_BITS-1:0] BELOW_ONE = (ROTATED_BITS'(1) << FRACTION) - ROTATED_BITS'(1);
  localparam logic signed [TOTAL_BITS-1:0] LIMIT = (TOTAL_BITS'(1) << (STATE_BITS - 1)) - TOTAL_BITS'(1);
  localparam logic [Q_BITS-1:0] SPIKE = Q_BITS'(1) << SPIKE_SHIFT;

  // Frames.
  logic running, primed, draining, commit;
  logic [2:0] slot;
  logic [INDEX_BITS-1:0] neuron, finishing;
  assign commit = running && primed && slot == 3'd5;
  assign done = commit && draining;
  always_ff @(posedge clk) begin
    if (rst || done) running <= 1'b0;
    else if (start) running <= 1'b1;
    if (start) begin
      slot <= 3'd0;
      neuron <= '0;
      primed <= 1'b0;
      draining <= 1'b0;
    end else if (running && slot == 3'd6) begin
      slot <= 3'd0;
      primed <= 1'b1;
      finishing <= neuron;
      if (neuron == INDEX_BITS'(NEURONS - 1)) draining <= 1'b1;
      else neuron <= neuron + 1'b1;
    end else if (running) slot <= slot + 3'd1;
  end

  // Constants and state of the frame's neuron, there in slots 1 to 6 and in slot 0 of the next frame.
  logic signed [KEEP_BITS-1:0] keep;
  logic [ROTATION_BITS-1:0] w;
  logic signed [STATE_BITS-1:0] u, v, u_new, v_new;
  logic [Q_BITS-1:0] q, q_new;
  brf_rom #(
      .WIDTH(KEEP_BITS + ROTATION_BITS),
      .DEPTH(WORDS),
      .ADDRESS_BITS(INDEX_BITS),
      .FILE(COEFFICIENT_FILE)
  ) coefficients (
      .clk(clk),
      .address(neuron),
      .data({keep, w})
  );
  brf_ram #(
      .WIDTH(2 * STATE_BITS + Q_BITS),
      .DEPTH(WORDS),
      .ADDRESS_BITS(INDEX_BITS)
  ) states (
      .clk(clk),
      .write(commit || silence),
      .write_address(silence ? silence_index : finishing),
      .write_data(silence ? '0 : {u_new, v_new, q_new}),
      .read_address(neuron),
      .read_data({u, v, q})
  );
  assign sum_index = neuron;
  assign sum_clear = running && primed && slot == 3'd1;
  assign sum_clear_index = finishing;

  // Products are begun.
  logic signed [FACTOR_BITS-1:0] a;
  always_comb begin
    mul_a = '0;
    mul_b = '0;
    if (running)
      case (slot)
        3'd0:
        if (primed) begin
          mul_a = A_BITS'($signed({1'b0, w}));
          mul_b = B_BITS'(u);
        end
        3'd1: begin
          mul_a = A_BITS'(GAIN);
          mul_b = B_BITS'($signed({1'b0, q}));
        end
        3'd2: begin
          mul_a = A_BITS'(DECAY);
          mul_b = B_BITS'($signed({1'b0, q}));
        end
        3'd4: begin
          mul_a = A_BITS'(a);
          mul_b = B_BITS'(u);
        end
        3'd5: begin
          mul_a = A_BITS'($signed({1'b0, w}));
          mul_b = B_BITS'(v);
        end
        3'd6: begin
          mul_a = A_BITS'(a);
          mul_b = B_BITS'(v);
        end
        default: ;
      endcase
  end

  // Products are used.
  logic [Q_BITS-1:0] decayed;
  logic signed [SUM_BITS-1:0] x;
  logic signed [BARRIER_BITS-1:0] barrier;
  logic signed [ROTATED_BITS-1:0] kept, rotated;
  logic signed [ROUNDED_BITS-1:0] rounded;
  logic signed [TOTAL_BITS-1:0] total;
  logic signed [STATE_BITS-1:0] clipped;
  logic fires;

  // Division by 2^GAIN_SHIFT to nearest, halves up.
  function automatic [GAIN_BITS-1:0] nearest(input [GAIN_BITS-1:0] scaled);
    nearest = (scaled + HALF) >> GAIN_SHIFT;
  endfunction
  // Division by 2^FRACTION: a negative sum is rounded up, so that both signs are rounded toward zero.
  function automatic signed [ROUNDED_BITS-1:0] rtz(input signed [ROTATED_BITS-1:0] scaled);
    rtz = ROUNDED_BITS'((scaled < 0 ? scaled + BELOW_ONE : scaled) >>> FRACTION);
  endfunction
  assign total = TOTAL_BITS'(rounded) + (slot == 3'd2 ? TOTAL_BITS'(x) <<< SUM_SHIFT : '0);
  assign clipped = STATE_BITS'(total > LIMIT ? LIMIT : total < -LIMIT ? -LIMIT : total);
  assign fires = BARRIER_BITS'(u_new) > barrier;
  assign spike = running && primed && slot == 3'd3 && fires;
  assign spike_index = finishing;

  always_ff @(posedge clk)
    case (slot)
      3'd0: rotated <= kept - ROTATED_BITS'(product);
      3'd1: begin
        rounded <= rtz(rotated);
        kept <= ROTATED_BITS'(product);
      end
      3'd2: begin
        rotated <= kept + ROTATED_BITS'(product);
        u_new   <= clipped;
      end
      3'd3: begin
        rounded <= rtz(rotated);
        q_new <= decayed + (fires ? SPIKE : '0);
        a <= FACTOR_BITS'(keep) - (FACTOR_BITS'(nearest(GAIN_BITS'(product))) << RESET_SHIFT);
      end
      3'd4: begin
        v_new   <= clipped;
        decayed <= Q_BITS'(DECAY_BITS'(product) >> DECAY_SHIFT);
      end
      3'd6: begin
        kept <= ROTATED_BITS'(product);
        x <= sum;
        barrier <= BARRIER_BITS'(THRESHOLD) + BARRIER_BITS'($signed({1'b0, q}));
      end
      default: ;
    endcase
endmodule
`default_nettype wire
