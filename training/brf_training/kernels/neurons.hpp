// The neurons: one struct each, with the step of the forward pass and its adjoint, on registers of neurons.
//
// A neuron is added here, with a line in the table of dynamics.hpp, and in brf_training/neurons. `step` gets its effective
// parameters p, the synaptic input x and the old states s, writes the new states and returns the spikes z, 0 or 1, in
// the order of operations of the torch neuron. `adjoint` gets the gradient gz of the spikes and in g those of the new
// states; it leaves in g those of the old ones, adds to gp those of the parameters and returns that of x. It is what
// autograd computes, with the surrogate for dz/d(distance).
#pragma once

#include "vector.hpp"

namespace brf {

// dz/dx = narrow_peak exp(narrow_rate x^2) - wide_peak exp(wide_rate x^2), the double Gaussian.
template <class R> struct Surrogate {
    R narrow_peak, narrow_rate, wide_peak, wide_rate;
    explicit Surrogate(const double* c) : narrow_peak(R(c[0])), narrow_rate(R(c[1])), wide_peak(R(c[2])), wide_rate(R(c[3])) {}
    Vec<R> operator()(Vec<R> x) const {
        const Vec<R> square = x * x;
        return narrow_peak * exponential(narrow_rate * square) - wide_peak * exponential(wide_rate * square);
    }
};

// Balanced resonate-and-fire: states u, v, q; parameters omega, damping; constants dt, theta, gamma.
template <class R> struct BRF {
    static constexpr const char* NAME = "brf";
    static constexpr int STATES = 3, PARAMETERS = 2;
    using V = Vec<R>;
    R dt, theta, gamma;
    explicit BRF(const double* c) : dt(R(c[0])), theta(R(c[1])), gamma(R(c[2])) {}

    V step(const V* p, V x, const V* s, V* next) const {
        const V omega = p[0], u = s[0], v = s[1], q = s[2], b = p[1] - q;
        next[0] = u + b * u * dt - omega * v * dt + x * dt;
        next[1] = v + omega * u * dt + b * v * dt;
        const V z = step_function<R>(next[0] - theta - q);
        next[2] = gamma * q + z;
        return z;
    }

    V adjoint(const V* p, V, const V* s, const V* next, V gz, V* g, V* gp, const Surrogate<R>& slope) const {
        const V u = s[0], v = s[1], q = s[2], turn = dt * p[0], keep = multiply_add(all<R>(dt), p[1] - q, all<R>(1));
        const V gs = (gz + g[2]) * slope(next[0] - theta - q);
        const V gu = g[0] + gs, gv = g[1];
        const V gb = dt * multiply_add(gu, u, gv * v);
        gp[0] += dt * (gv * u - gu * v);
        gp[1] += gb;
        g[0] = multiply_add(keep, gu, turn * gv);
        g[1] = keep * gv - turn * gu;
        g[2] = gamma * g[2] - gs - gb;
        return dt * gu;
    }
};

// Resonate-and-fire: states u, v; parameters omega, damping; constants dt, theta.
template <class R> struct RF {
    static constexpr const char* NAME = "rf";
    static constexpr int STATES = 2, PARAMETERS = 2;
    using V = Vec<R>;
    R dt, theta;
    explicit RF(const double* c) : dt(R(c[0])), theta(R(c[1])) {}

    V step(const V* p, V x, const V* s, V* next) const {
        const V omega = p[0], b = p[1], u = s[0], v = s[1];
        next[0] = u + b * u * dt - omega * v * dt + x * dt;
        next[1] = v + omega * u * dt + b * v * dt;
        return step_function<R>(next[0] - theta);
    }

    V adjoint(const V* p, V, const V* s, const V* next, V gz, V* g, V* gp, const Surrogate<R>& slope) const {
        const V u = s[0], v = s[1], turn = dt * p[0], keep = multiply_add(all<R>(dt), p[1], all<R>(1));
        const V gu = g[0] + gz * slope(next[0] - theta), gv = g[1];
        gp[0] += dt * (gv * u - gu * v);
        gp[1] += dt * multiply_add(gu, u, gv * v);
        g[0] = multiply_add(keep, gu, turn * gv);
        g[1] = keep * gv - turn * gu;
        return dt * gu;
    }
};

// Balanced harmonic resonate-and-fire: states u, v, q; parameters stiffness (omega^2), damping; constants dt, theta, gamma.
template <class R> struct BHRF {
    static constexpr const char* NAME = "bhrf";
    static constexpr int STATES = 3, PARAMETERS = 2;
    using V = Vec<R>;
    R dt, theta, gamma;
    explicit BHRF(const double* c) : dt(R(c[0])), theta(R(c[1])), gamma(R(c[2])) {}

    V step(const V* p, V x, const V* s, V* next) const {
        const V u = s[0], q = s[2], b = p[1] + q;
        next[1] = s[1] + u * dt;
        next[0] = u + x * dt - R(2) * b * u * dt - p[0] * next[1] * dt;
        const V z = step_function<R>(next[0] - theta - q);
        next[2] = gamma * q + z;
        return z;
    }

    V adjoint(const V* p, V, const V* s, const V* next, V gz, V* g, V* gp, const Surrogate<R>& slope) const {
        const V u = s[0], q = s[2], b = p[1] + q;
        const V gs = (gz + g[2]) * slope(next[0] - theta - q);
        const V gu = g[0] + gs, gx = dt * gu;
        const V gv = g[1] - p[0] * gx, gb = R(-2) * u * gx;
        gp[0] -= next[1] * gx;
        gp[1] += gb;
        g[0] = gu - R(2) * b * gx + dt * gv;
        g[1] = gv;
        g[2] = gamma * g[2] - gs + gb;
        return gx;
    }
};

// Leaky integrate-and-fire: state u; parameter alpha; constant theta.
template <class R> struct LIF {
    static constexpr const char* NAME = "lif";
    static constexpr int STATES = 1, PARAMETERS = 1;
    using V = Vec<R>;
    R theta;
    explicit LIF(const double* c) : theta(R(c[0])) {}

    V step(const V* p, V x, const V* s, V* next) const {
        const V u = p[0] * s[0] + (R(1) - p[0]) * x;
        const V z = step_function<R>(u - theta);
        next[0] = u - z * theta;
        return z;
    }

    V adjoint(const V* p, V x, const V* s, const V*, V gz, V* g, V* gp, const Surrogate<R>& slope) const {
        const V u = p[0] * s[0] + (R(1) - p[0]) * x;
        const V gu = g[0] + (gz - g[0] * theta) * slope(u - theta);
        gp[0] += gu * (s[0] - x);
        g[0] = p[0] * gu;
        return (R(1) - p[0]) * gu;
    }
};

// Adaptive leaky integrate-and-fire: states u, a, z; parameters alpha, rho; constants theta, beta.
template <class R> struct ALIF {
    static constexpr const char* NAME = "alif";
    static constexpr int STATES = 3, PARAMETERS = 2;
    using V = Vec<R>;
    R theta, beta;
    explicit ALIF(const double* c) : theta(R(c[0])), beta(R(c[1])) {}

    V step(const V* p, V x, const V* s, V* next) const {
        next[1] = p[1] * s[1] + (R(1) - p[1]) * s[2];
        const V threshold = theta + beta * next[1];
        const V u = p[0] * s[0] + (R(1) - p[0]) * x;
        next[2] = step_function<R>(u - threshold);
        next[0] = u - next[2] * threshold;
        return next[2];
    }

    V adjoint(const V* p, V x, const V* s, const V* next, V gz, V* g, V* gp, const Surrogate<R>& slope) const {
        const V threshold = theta + beta * next[1];
        const V u = p[0] * s[0] + (R(1) - p[0]) * x;
        const V gs = (gz + g[2] - g[0] * threshold) * slope(u - threshold);
        const V gu = g[0] + gs, ga = g[1] - beta * (g[0] * next[2] + gs);
        gp[0] += gu * (s[0] - x);
        gp[1] += ga * (s[1] - s[2]);
        g[0] = p[0] * gu;
        g[1] = p[1] * ga;
        g[2] = (R(1) - p[1]) * ga;
        return (R(1) - p[0]) * gu;
    }
};

// The integer network's neuron (docs/arithmetic.md section 2) in real units, bit for bit, and its adjoint straight through
// the rounding: states u, v, q, multiples of `unit`; parameters damping, rotation; constants unit, limit, theta, decay,
// gain, reset_unit. In double only, where all of it is exact. What is clipped passes no gradient.
struct FixedBRF {
    static constexpr const char* NAME = "fixed-brf";
    static constexpr int STATES = 3, PARAMETERS = 2;
    using V = Vec<double>;
    double unit, scale, limit, theta, decay, gain, reset_unit, reset_gain;
    explicit FixedBRF(const double* c)
        : unit(c[0]), scale(1 / c[0]), limit(c[1]), theta(c[2]), decay(c[3] * scale), gain(c[4]), reset_unit(c[5]),
          reset_gain(c[4] / c[5]) {}

    V reset(V q) const { return down(q * reset_gain + 0.5) * reset_unit; }

    V step(const V* p, V x, const V* s, V* next) const {
        const V w = p[1], u = s[0], v = s[1], q = s[2], a = 1 - p[0] - reset(q);
        next[0] = saturate<double>(toward_zero((a * u - w * v) * scale) * unit + x, all(limit));
        next[1] = saturate<double>(toward_zero((a * v + w * u) * scale) * unit, all(limit));
        const V z = step_function<double>(next[0] - theta - q);
        next[2] = down(q * decay) * unit + z;
        return z;
    }

    V adjoint(const V* p, V, const V* s, const V* next, V gz, V* g, V* gp, const Surrogate<double>& slope) const {
        const V w = p[1], u = s[0], v = s[1], q = s[2], a = 1 - p[0] - reset(q);
        const V gs = (gz + g[2]) * slope(next[0] - theta - q);
        const V gu = where_open<double>(next[0], all(limit), g[0] + gs), gv = where_open<double>(next[1], all(limit), g[1]);
        const V ga = multiply_add(gu, u, gv * v);
        gp[0] -= ga;
        gp[1] += gv * u - gu * v;
        g[0] = multiply_add(a, gu, w * gv);
        g[1] = a * gv - w * gu;
        g[2] = decay * unit * g[2] - gs - gain * ga;
        return gu;
    }
};

}  // namespace brf
