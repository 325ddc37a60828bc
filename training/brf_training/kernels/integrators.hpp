// The readout's leaky integrators: the step and its adjoint, on registers of outputs.
//
// `adjoint` gets the old and the new y and in g the gradient of the new one; it leaves in g that of the old one, adds to
// ga that of alpha and returns that of x.
#pragma once

#include "vector.hpp"

#include <type_traits>

namespace brf {

// y' = alpha y + (1 - alpha) x.
template <class R> struct Leaky {
    using V = Vec<R>;
    V step(V alpha, V x, V y) const { return alpha * y + (R(1) - alpha) * x; }
    V adjoint(V alpha, V x, V y, V, V& g, V& ga) const {
        ga += g * (y - x);
        const V gx = (R(1) - alpha) * g;
        g = alpha * g;
        return gx;
    }
};

// The integer network's (docs/arithmetic.md section 2) in real units: y' = alpha y, toward zero, + x, clipped; the weights
// hold 1 - alpha. What is clipped passes no gradient.
struct FixedLeaky {
    using V = Vec<double>;
    double unit, scale, limit;
    explicit FixedLeaky(const double* c) : unit(c[0]), scale(1 / c[0]), limit(c[1]) {}
    V step(V alpha, V x, V y) const { return saturate<double>(toward_zero(alpha * y * scale) * unit + x, all(limit)); }
    V adjoint(V alpha, V, V y, V next, V& g, V& ga) const {
        const V gx = where_open<double>(next, all(limit), g);
        ga += gx * y;
        g = alpha * gx;
        return gx;
    }
};

// Calls f with the integrators of constants (unit, limit), or, for null, with the leaky ones of real numbers.
template <class R, class F> void with_integrators(const double* constants, F&& f) {
    if constexpr (std::is_same_v<R, double>)
        if (constants) return f(FixedLeaky(constants));
    f(Leaky<R>());
}

}  // namespace brf
