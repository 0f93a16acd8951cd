"""The table of activations (MATLAB: transfer functions): every formula for one of them, anywhere, comes from here.

A row holds f, f' and f'' as text in x (the net input), y = f(x), d = f'(x) and q (a shared part), in the vocabulary of
`nngrad.core.formula`: valid NumPy and C99. NaN in gives NaN out in all three. Kinks follow the convention named on the
row: MATLAB's own derivative functions (Neural Network Toolbox, legacy dposlin, dsatlin, dsatlins, dtribas pages) take
closed intervals, so poslin'(0) = 1, while Keras and the Deep Learning Toolbox take relu'(0) = 0. Slopes keep their
relative accuracy where a unit saturates: 1 - y*y has no digit left at |x| = 19, 4q/(1+q)^2 has all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nngrad.core import formula
from nngrad.core.slope import Slope

FAST = 0.02  # below this slope the cheap formula has lost two digits: take the exact one


@dataclass(frozen=True)
class Activation:
    """One elementwise function: `f`, `df`, `d2f` as text; `params` are further names in the text, with their defaults.

    `fast_df` is a cheaper slope in y alone that is used while it is above FAST; `kinks` are the x at which f is not
    smooth; `flat` says that the slope is zero everywhere it exists.
    """

    name: str
    f: str
    df: str
    d2f: str
    q: str | None = None
    fast_df: str | None = None
    aliases: tuple[str, ...] = ()
    params: tuple[tuple[str, float], ...] = ()
    kinks: tuple[str, ...] = ()
    flat: bool = False

    @property
    def kind(self) -> Slope:
        """How its derivative behaves."""
        if self.flat:
            return Slope.ZERO
        if self.kinks:
            return Slope.PIECEWISE
        return Slope.SMOOTH if formula.names_in(self.df) else Slope.LINEAR

    @property
    def curved(self) -> bool:
        """Whether its second derivative isn't zero everywhere that it exists."""
        return self.d2f != ZERO and not self.flat

    def value(self, x: np.ndarray, params: dict[str, Any]) -> np.ndarray:
        """f(x), the shape of x; params maps names to numbers or to arrays that broadcast against the last axis."""
        y: np.ndarray = formula.compiled(self.f)({"x": x, **params})
        return y

    def slope(self, x: np.ndarray, y: np.ndarray, params: dict[str, Any]) -> np.ndarray:
        """f'(x), the shape of x, with y = f(x) at hand."""
        if self.fast_df is None:
            return self._exact_slope(x, y, params)
        d: np.ndarray = formula.compiled(self.fast_df)({"y": y})
        if d.size and not d.item(d.argmin()) >= FAST:  # argmin finds a NaN before all numbers; a NaN stays
            low = np.flatnonzero(d < FAST)
            d.flat[low] = self._exact_slope(x.ravel()[low], y.ravel()[low], params)
        return d

    def second(self, x: np.ndarray, y: np.ndarray, params: dict[str, Any]) -> np.ndarray:
        """f''(x), the shape of x."""
        env, read = {"x": x, "y": y, **params}, formula.names_in(self.d2f)
        if "d" in read:
            env["d"] = self.slope(x, y, params)
        if self.q and "q" in read:
            env["q"] = formula.compiled(self.q)(env)
        return np.broadcast_to(formula.compiled(self.d2f)(env), x.shape)

    def _exact_slope(self, x: np.ndarray, y: np.ndarray, params: dict[str, Any]) -> np.ndarray:
        env = {"x": x, "y": y, **params}
        if self.q:
            env["q"] = formula.compiled(self.q)(env)
        d = formula.compiled(self.df)(env)
        return d if np.shape(d) == x.shape else np.broadcast_to(d, x.shape)


ZERO = "where(x == x, 0.0, x)"  # zero, but NaN for NaN
SIGN = "where(x > 0.0, 1.0, where(x < 0.0, -1.0, x))"
PHI = "0.3989422804014327*exp(-0.5*x*x)"  # density of the standard normal distribution
CDF = "(0.5*erfc(-0.7071067811865476*x))"
GELU_V = (
    "1.5957691216057308*(x + 0.044715*x*x*x)"  # 0.5*(1 + tanh(v/2)) = 1/(1 + exp(-v)), which loses nothing for x < 0
)
GELU_DV = "(1.5957691216057308*(1.0 + 0.134145*x*x))"
GELU_REST = f"(1.0/(1.0 + exp({GELU_V})))"
SELU, SELU_ALPHA = "1.0507009873554805", "1.7580993408473766"  # its scale, and scale times alpha
MISH = "where(x < 0.0, q*(q + 2.0)/(q*(q + 2.0) + 2.0), (1.0 + 2.0*q)/(1.0 + 2.0*q + 2.0*q*q))"  # tanh(softplus(x)), q = exp(-|x|)
MISH_SLOPE = (
    "(4.0*q*(1.0 + q)*where(x < 0.0, 1.0, q)"
    "/where(x < 0.0, (q*(q + 2.0) + 2.0)*(q*(q + 2.0) + 2.0), (1.0 + 2.0*q + 2.0*q*q)*(1.0 + 2.0*q + 2.0*q*q)))"
)
TANH_SHRINK_SERIES = (
    "x*x*x*(0.3333333333333333 + x*x*(-0.13333333333333333 + x*x*(0.05396825396825397"
    " + x*x*(-0.021869488536155203 + x*x*(0.008863235529902197 + x*x*-0.003592128036572481)))))"
)

ACTIVATIONS: tuple[Activation, ...] = (
    # MATLAB's transfer functions
    Activation(
        "tansig",
        f="tanh(x)",
        q="exp(-2.0*fabs(x))",
        df="4.0*q/((1.0 + q)*(1.0 + q))",
        fast_df="1.0 - y*y",
        d2f="-2.0*y*d",
        aliases=("tanh",),
    ),
    Activation(
        "logsig",
        f="1.0/(1.0 + exp(-x))",
        q="exp(-fabs(x))",
        df="q/((1.0 + q)*(1.0 + q))",
        fast_df="y*(1.0 - y)",
        d2f="-d*tanh(0.5*x)",
        aliases=("sigmoid",),
    ),
    Activation("purelin", f="x", df="1.0", d2f=ZERO, aliases=("linear", "identity", "none")),
    Activation(
        "poslin",
        f="where(x < 0.0, 0.0, x)",
        df="where(x < 0.0, 0.0, where(x >= 0.0, 1.0, x))",
        d2f=ZERO,
        kinks=("0.0",),
    ),
    Activation(
        "satlin",
        f="where(x < 0.0, 0.0, where(x > 1.0, 1.0, x))",
        df="where(x < 0.0, 0.0, where(x > 1.0, 0.0, where(x <= 1.0, 1.0, x)))",
        d2f=ZERO,
        kinks=("0.0", "1.0"),
    ),
    Activation(
        "satlins",
        f="where(x < -1.0, -1.0, where(x > 1.0, 1.0, x))",
        df="where(x < -1.0, 0.0, where(x > 1.0, 0.0, where(x <= 1.0, 1.0, x)))",
        d2f=ZERO,
        aliases=("hardtanh", "hard_tanh"),
        kinks=("-1.0", "1.0"),
    ),
    Activation(
        "hardlim", f="where(x >= 0.0, 1.0, where(x < 0.0, 0.0, x))", df=ZERO, d2f=ZERO, kinks=("0.0",), flat=True
    ),
    Activation(
        "hardlims", f="where(x >= 0.0, 1.0, where(x < 0.0, -1.0, x))", df=ZERO, d2f=ZERO, kinks=("0.0",), flat=True
    ),
    Activation(
        "radbas",
        f="exp(-(x*x))",
        df="where(fabs(x) > 27.3, 0.0, -2.0*x*y)",  # y is 0 there, and inf*0 would be NaN
        d2f="where(fabs(x) > 27.3, 0.0, (4.0*x*x - 2.0)*y)",
    ),
    Activation(
        "tribas",
        f="where(fabs(x) <= 1.0, 1.0 - fabs(x), where(fabs(x) > 1.0, 0.0, x))",
        df="where(fabs(x) > 1.0, 0.0, where(x > 0.0, -1.0, where(x < 0.0, 1.0, x)))",
        d2f=ZERO,
        kinks=("-1.0", "0.0", "1.0"),
    ),
    Activation(
        "elliotsig",
        f=f"where(fabs(x) > 1e300, {SIGN}, x/(1.0 + fabs(x)))",
        df="1.0/((1.0 + fabs(x))*(1.0 + fabs(x)))",
        d2f=f"-2.0*{SIGN}*d/(1.0 + fabs(x))",
        aliases=("softsign",),
    ),
    Activation(
        "elliot2sig",
        f=f"{SIGN}*where(fabs(x) > 1.0, 1.0/(1.0 + 1.0/(x*x)), x*x/(1.0 + x*x))",
        df="where(fabs(x) > 1e100, 0.0, 2.0*fabs(x)/((1.0 + x*x)*(1.0 + x*x)))",
        d2f=f"where(fabs(x) > 1e50, 0.0, 2.0*{SIGN}*(1.0 - 3.0*x*x)/((1.0 + x*x)*(1.0 + x*x)*(1.0 + x*x)))",
    ),
    Activation("netinv", f="1.0/x", df="-(y*y)", d2f="-2.0*y*d"),
    Activation("negsquare", f="-(x*x)", df="-2.0*x", d2f="where(x == x, -2.0, x)"),  # radbasn is softmax of it
    # Keras' and the Deep Learning Toolbox's
    Activation(
        "relu",
        f="where(x <= 0.0, 0.0, x)",
        df="where(x <= 0.0, 0.0, where(x > 0.0, 1.0, x))",
        d2f=ZERO,
        kinks=("0.0",),
    ),
    Activation(
        "leaky_relu",
        f="where(x < 0.0, slope*x, x)",
        df="where(x < 0.0, slope, where(x >= 0.0, 1.0, x))",
        d2f=ZERO,
        params=(("slope", 0.01),),
        kinks=("0.0",),
    ),
    Activation(
        "clipped_relu",
        f="where(x <= 0.0, 0.0, where(x > ceiling, ceiling, x))",
        df="where(x <= 0.0, 0.0, where(x > ceiling, 0.0, where(x > 0.0, 1.0, x)))",
        d2f=ZERO,
        params=(("ceiling", 6.0),),
        kinks=("0.0", "ceiling"),
    ),
    Activation(
        "elu",
        f="where(x > 0.0, x, alpha*expm1(where(x > 0.0, 0.0, x)))",
        df="where(x > 0.0, 1.0, alpha*exp(where(x > 0.0, 0.0, x)))",
        d2f="where(x > 0.0, 0.0, alpha*exp(where(x > 0.0, 0.0, x)))",
        params=(("alpha", 1.0),),
        kinks=("0.0",),
    ),
    Activation(
        "softplus",
        f="where(x > 0.0, x, 0.0) + log1p(exp(-fabs(x)))",
        q="exp(-fabs(x))",
        df="where(x > 0.0, 1.0, q)/(1.0 + q)",
        d2f="q/((1.0 + q)*(1.0 + q))",
    ),
    Activation(
        "swish",
        f="x/(1.0 + exp(-x))",
        q="1.0/(1.0 + exp(-x))",
        df="q*(1.0 + x*(1.0/(1.0 + exp(x))))",
        d2f="q*(1.0/(1.0 + exp(x)))*(2.0 - x*tanh(0.5*x))",
        aliases=("silu",),
    ),
    Activation("gelu", f=f"x*{CDF}", df=f"{CDF} + x*{PHI}", d2f=f"(2.0 - x*x)*{PHI}"),
    Activation(
        "gelu_tanh",
        f=f"x/(1.0 + exp(-({GELU_V})))",
        q=f"1.0/(1.0 + exp(-({GELU_V})))",
        df=f"q + x*(q*{GELU_REST}*{GELU_DV})",  # in this order nothing overflows: q or GELU_REST is 0 far out
        d2f=f"where(fabs(x) > 40.0, 0.0, q*{GELU_REST}"
        f"*(2.0*{GELU_DV} + x*(0.4281288976356290*x - {GELU_DV}*{GELU_DV}*tanh(0.5*({GELU_V})))))",
    ),
    Activation("sin", f="sin(x)", df="cos(x)", d2f="-y"),
    Activation("cos", f="cos(x)", df="-sin(x)", d2f="-y"),
    Activation("abs", f="fabs(x)", df=SIGN, d2f=ZERO, kinks=("0.0",)),
    Activation("exp", f="exp(x)", df="y", d2f="y", aliases=("exponential",)),
    Activation(
        "selu",
        f=f"where(x > 0.0, {SELU}*x, {SELU_ALPHA}*expm1(where(x > 0.0, 0.0, x)))",
        df=f"where(x > 0.0, {SELU}, {SELU_ALPHA}*exp(where(x > 0.0, 0.0, x)))",
        d2f=f"where(x > 0.0, 0.0, {SELU_ALPHA}*exp(where(x > 0.0, 0.0, x)))",
        kinks=("0.0",),
    ),
    Activation(
        "hard_sigmoid",  # of Keras 3
        f="where(x <= -3.0, 0.0, where(x >= 3.0, 1.0, (x + 3.0)/6.0))",
        df=f"where(fabs(x) < 3.0, 0.16666666666666666, {ZERO})",
        d2f=ZERO,
        kinks=("-3.0", "3.0"),
    ),
    Activation(
        "hard_sigmoid_keras2",
        f="where(x <= -2.5, 0.0, where(x >= 2.5, 1.0, 0.2*x + 0.5))",
        df=f"where(fabs(x) < 2.5, 0.2, {ZERO})",
        d2f=ZERO,
        kinks=("-2.5", "2.5"),
    ),
    Activation(
        "hard_swish",
        f="where(x <= -3.0, 0.0, where(x >= 3.0, x, x*((x + 3.0)/6.0)))",
        df="where(x <= -3.0, 0.0, where(x >= 3.0, 1.0, (x + 1.5)/3.0))",
        d2f=f"where(fabs(x) < 3.0, 0.3333333333333333, {ZERO})",
        aliases=("hard_silu",),
        kinks=("-3.0", "3.0"),
    ),
    Activation(
        "mish",  # x*tanh(softplus(x)); its slope is MISH + x*MISH_SLOPE, the latter in q, which neither overflows nor cancels
        f="x*" + MISH.replace("q", "exp(-fabs(x))"),
        q="exp(-fabs(x))",
        df=f"{MISH} + x*{MISH_SLOPE}",
        d2f=f"{MISH_SLOPE}*(2.0 + x*(where(x < 0.0, 1.0, q)/(1.0 + q) - 2.0*{MISH}*(where(x < 0.0, q, 1.0)/(1.0 + q))))",
    ),
    Activation(
        "log_sigmoid",
        f="where(x < 0.0, x, 0.0) - log1p(exp(-fabs(x)))",
        q="exp(-fabs(x))",
        df="where(x > 0.0, q, 1.0)/(1.0 + q)",
        d2f="-q/((1.0 + q)*(1.0 + q))",
    ),
    Activation(
        "tanh_shrink",  # x - tanh(x), by its series where that cancels
        f=f"where(fabs(x) < 0.1, {TANH_SHRINK_SERIES}, x - tanh(x))",
        q="exp(-2.0*fabs(x))",
        df="tanh(x)*tanh(x)",
        d2f="2.0*tanh(x)*(4.0*q/((1.0 + q)*(1.0 + q)))",
    ),
    Activation(
        "soft_shrink",
        f=f"where(x > threshold, x - threshold, where(x < -threshold, x + threshold, {ZERO}))",
        df=f"where(fabs(x) > threshold, 1.0, {ZERO})",
        d2f=ZERO,
        params=(("threshold", 0.5),),
        kinks=("-threshold", "threshold"),
    ),
    Activation(
        "hard_shrink",
        f=f"where(fabs(x) > threshold, x, {ZERO})",
        df=f"where(fabs(x) > threshold, 1.0, {ZERO})",
        d2f=ZERO,
        params=(("threshold", 0.5),),
        kinks=("-threshold", "threshold"),
    ),
    Activation(
        "squareplus",  # (x + sqrt(x*x + 4))/2, which cancels for x < 0
        f="where(x < 0.0, 2.0/(fabs(x) + sqrt(x*x + 4.0)), 0.5*(x + sqrt(x*x + 4.0)))",
        df="y/sqrt(x*x + 4.0)",
        d2f="2.0/((x*x + 4.0)*sqrt(x*x + 4.0))",
    ),
    Activation(
        "sparse_plus",
        f="where(x <= -1.0, 0.0, where(x >= 1.0, x, 0.25*(x + 1.0)*(x + 1.0)))",
        df="where(x <= -1.0, 0.0, where(x >= 1.0, 1.0, 0.5*(x + 1.0)))",
        d2f=f"where(fabs(x) < 1.0, 0.5, {ZERO})",
        kinks=("-1.0", "1.0"),
    ),
    Activation(
        "sparse_sigmoid",
        f="where(x <= -1.0, 0.0, where(x >= 1.0, 1.0, 0.5*(x + 1.0)))",
        df=f"where(fabs(x) < 1.0, 0.5, {ZERO})",
        d2f=ZERO,
        kinks=("-1.0", "1.0"),
    ),
    Activation(
        "thresholded_relu",  # Keras' ReLU and ThresholdedReLU layers
        f="where(x > threshold, x, slope*(x - threshold))",
        df="where(x > threshold, 1.0, where(x < threshold, slope, where(x == threshold, 0.0, x)))",
        d2f=ZERO,
        params=(("threshold", 1.0), ("slope", 0.0)),
        kinks=("threshold",),
    ),
    Activation(
        "clipped_thresholded_relu",
        f="where(x > threshold, where(x > ceiling, ceiling, x), slope*(x - threshold))",
        df="where(x > threshold, where(x < ceiling, 1.0, 0.0), where(x < threshold, slope, where(x == threshold, 0.0, x)))",
        d2f=ZERO,
        params=(("threshold", 1.0), ("slope", 0.0), ("ceiling", 6.0)),
        kinks=("threshold", "ceiling"),
    ),
)

BY_NAME: dict[str, Activation] = {name: a for a in ACTIVATIONS for name in (a.name, *a.aliases)}
