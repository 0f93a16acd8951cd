"""Functions that call the function, in the shapes that optimisers ask for: an objective, a constraint."""

from __future__ import annotations

from nngrad.core.network import Network
from nngrad.emitters.matlab.function import number
from nngrad.emitters.text import filled, listed, plain, wrapped

OBJECTIVE = """function [fval, grad, hess] = NAME_objective(x, weights)
%UPPER_OBJECTIVE  A weighted sum of the outputs of NAME, with its gradient and Hessian.
%   fval = NAME_objective(x) is WHAT; NAME_objective(x, weights) takes
%   one weight for each of the M outputs. x is a row or a column of N inputs: INPUTS.
%
%   MATLAB: options = optimoptions('fmincon', 'SpecifyObjectiveGradient', true);
%           x = fmincon(@(x) NAME_objective(x), x0, [], [], [], [], lower, upper, [], options);
%   Octave: gradient = @(x) nthargout(2, @NAME_objective, x);
%           x = sqp(x0, {@(x) NAME_objective(x), gradient}, [], [], lower, upper);
%
%   To maximise, hand in negative weights. hess is the Hessian of fval alone: for 'HessianFcn' add those of the constraints.
if nargin < 2
    weights = WEIGHTS;
end
weights = weights(:);
if ~isa(weights, 'double') || ~isreal(weights) || numel(weights) ~= M
    error('NAME:weights', 'NAME_objective: weights must be real doubles, one for each output (M in all)');
end
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
%   The K outputs meant are, in this order: WHICH. x is a row or a column of N inputs: INPUTS.
%   lower, upper: K numbers each, -Inf and Inf for no bound; where both are equal, an equation. Without them: outputs <= 0.
%   c <= 0 and ceq == 0; DC (N x numel(c)) and DCeq hold one column for each constraint, as fmincon wants them.
%
%   MATLAB: options = optimoptions('fmincon', 'SpecifyConstraintGradient', true);
%           x = fmincon(fun, x0, [], [], [], [], [], [], @(x) NAME_constraint(x, lower, upper), options);
%   Octave, whose sqp wants constraints >= 0 and == 0 (a function and its Jacobian, a row for each constraint):
%           above = {@(x) -NAME_constraint(x, lower, upper), @(x) -nthargout(3, 4, @NAME_constraint, x, lower, upper)'};
%           equal = {@(x) nthargout(2, @NAME_constraint, x, lower, upper), @(x) nthargout(4, 4, @NAME_constraint, x, lower, upper)'};
%           x = sqp(x0, fun, equal, above);     % [] for one of which there is none
if nargin < 2
    lower = -Inf(K, 1);
end
if nargin < 3
    upper = zeros(K, 1);
end
lower = lower(:);
upper = upper(:);
if ~isa(lower, 'double') || ~isreal(lower) || numel(lower) ~= K || any(isnan(lower) | lower == Inf)
    error('NAME:lower', 'NAME_constraint: lower must be real doubles, K in all, -Inf for no bound');
end
if ~isa(upper, 'double') || ~isreal(upper) || numel(upper) ~= K || any(isnan(upper) | upper == -Inf)
    error('NAME:upper', 'NAME_constraint: upper must be real doubles, K in all, Inf for no bound');
end
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


def write(net: Network, name: str, kinds: tuple[str, ...], of: tuple[int, ...] | None) -> dict[str, str]:
    """NAME_objective.m and NAME_constraint.m, of the outputs `of` (from 0; all where None)."""
    m = net.output_size
    chosen = tuple(range(m)) if of is None else of
    names = ", ".join(plain(net.output_names[k], 60) for k in chosen[:40]) + (", ..." if len(chosen) > 40 else "")
    what = f"the output {names}" if len(chosen) == 1 else f"the sum of {len(chosen)} outputs"
    words = {
        "NAME": name,
        "UPPER": name.upper(),
        "WEIGHTS": _vector([1.0 if k in chosen else 0.0 for k in range(m)]),
        "CHOSEN": _vector([float(k + 1) for k in chosen]),
        "INPUTS": listed(net.inputs, 12),
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
