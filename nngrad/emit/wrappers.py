"""MATLAB functions in the shape that fmincon wants: an objective, a constraint. The one rule: they only call the network's own function."""

from __future__ import annotations

from nngrad.emit.matlab import number
from nngrad.emit.text import filled, plain, wrapped
from nngrad.network import Network

OBJECTIVE = """function [fval, grad, hess] = NAME_objective(x, weights)
%UPPER_OBJECTIVE  A weighted sum of the outputs of NAME, with its gradient and Hessian.
%   fval = NAME_objective(x) is WHAT; NAME_objective(x, weights) takes
%   one weight for each of the M outputs. x is a row or a column of N inputs.
%
%   options = optimoptions('fmincon', 'SpecifyObjectiveGradient', true);
%   x = fmincon(@(x) NAME_objective(x), x0, [], [], [], [], lower, upper, [], options);
%
%   To maximise, hand in negative weights. hess is the Hessian of fval alone: for 'HessianFcn' add those of the constraints.
if nargin < 2
    weights = WEIGHTS;
end
weights = weights(:);
grad = zeros(N, 1);
hess = zeros(N, N);
if nargout > 2
    [y, J, second] = NAME(x(:));
    grad = J' * weights;
    for i = 1:M
        hess = hess + weights(i) * second(:, :, i);
    end
elseif nargout > 1
    [y, J] = NAME(x(:));
    grad = J' * weights;
else
    y = NAME(x(:));
end
fval = weights' * y;
end
"""
CONSTRAINT = """function [c, ceq, DC, DCeq] = NAME_constraint(x, lower, upper)
%UPPER_CONSTRAINT  lower <= outputs of NAME <= upper, as a nonlinear constraint of fmincon.
%   The K outputs meant are, in this order: WHICH.
%   lower, upper: K numbers each, -Inf and Inf for no bound; where both are equal, an equation. Without them: outputs <= 0.
%   c <= 0 and ceq == 0; DC (N x numel(c)) and DCeq hold one column for each constraint, as fmincon wants them.
%
%   options = optimoptions('fmincon', 'SpecifyConstraintGradient', true);
%   x = fmincon(fun, x0, [], [], [], [], [], [], @(x) NAME_constraint(x, lower, upper), options);
if nargin < 2
    lower = -Inf(K, 1);
end
if nargin < 3
    upper = zeros(K, 1);
end
lower = lower(:);
upper = upper(:);
chosen = CHOSEN;
fixed = lower == upper;
low = isfinite(lower) & ~fixed;
high = isfinite(upper) & ~fixed;
if nargout > 2
    [y, J] = NAME(x(:));
    J = J(chosen, :);
    DC = [-J(low, :); J(high, :)]';
    DCeq = J(fixed, :)';
else
    y = NAME(x(:));
end
y = y(chosen);
c = [lower(low) - y(low); y(high) - upper(high)];
ceq = y(fixed) - lower(fixed);
end
"""
TEXTS = {"objective": OBJECTIVE, "constraint": CONSTRAINT}


def emit(net: Network, name: str, kinds: tuple[str, ...], of: tuple[int, ...] | None) -> dict[str, str]:
    """NAME_objective.m and NAME_constraint.m, of the outputs `of` (from 0; all where None)."""
    m = net.output_size
    chosen = tuple(range(m)) if of is None else of
    names = ", ".join(plain(net.output_names[k], 40) for k in chosen[:40]) + (", ..." if len(chosen) > 40 else "")
    what = f"the output {names}" if len(chosen) == 1 else f"the sum of {len(chosen)} outputs"
    words = {
        "NAME": name,
        "UPPER": name.upper(),
        "WEIGHTS": _vector([1.0 if k in chosen else 0.0 for k in range(m)]),
        "CHOSEN": _vector([float(k + 1) for k in chosen]),
        "WHAT": what,
        "WHICH": names,
        "N": str(net.input_size),
        "M": str(m),
        "K": str(len(chosen)),
    }
    return {f"{name}_{kind}.m": filled(TEXTS[kind], words) for kind in kinds}


def _vector(values: list[float]) -> str:
    items = [number(v) for v in values]
    lines = wrapped(items, "    ", "; ", " ...")
    return f"[{'; '.join(items)}]" if len(lines) < 2 else "\n".join(["[ ...", *lines, "    ]"])
