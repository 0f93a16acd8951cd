function nngrad_export(net, varargin)
%NNGRAD_EXPORT  Write a trained network into a MAT-file that nngrad reads.
%
%   nngrad_export(net, 'out.mat')
%       net: a network object (feedforwardnet, fitnet, patternnet, newrb, narxnet, ...), a dlnetwork, SeriesNetwork or
%       DAGNetwork of dense layers and activations, or a model of fitrnet or fitcnet.
%
%   nngrad_export({W1, W2}, {b1, b2}, {'tansig', 'purelin'}, 'out.mat')
%       Weights (outputs x inputs), biases, and the activation of each layer.
%
%   Needs base MATLAB only (R2013b or newer), or Octave 6 or newer. The file holds one struct `net`: the layers in order of
%   evaluation, the processing of inputs and outputs included, so that outputs and derivatives are in the units of your data.
%   Whatever is not understood is an error that names it; nothing is left out silently.
%
%   This file is part of nngrad and under its licence.

if iscell(net)
    narginchk(4, 4);
    out = from_weights(net, varargin{1}, varargin{2});
else
    narginchk(2, 2);
    out = from_object(net);
end
file = varargin{end};
out.format = 'nngrad network';
out.version = 1;
net = out; %#ok<NASGU>
save(file, 'net', '-v7');
end


function out = from_object(net)
if isa(net, 'network') || (isstruct(net) && isfield(net, 'IW'))
    out = from_network(net);
elseif has(net, 'LayerWeights')
    out = from_fit(net);
elseif has(net, 'Layers')
    out = from_layers(net);
else
    error('nngrad:export', ['%s: not supported; supported are network, dlnetwork, SeriesNetwork, DAGNetwork, fitrnet and ' ...
        'fitcnet models, and cells of weights'], class_of(net));
end
end


% ---------------------------------------------------------------- the list of layers that is being made

function g = nothing()
g.layers = {};
end


function [g, value] = add(g, layer, sources)
% Value 0 is the input, value k the output of the k-th layer.
layer.sources = sources(:);
g.layers{end + 1, 1} = layer;
value = numel(g.layers);
end


function layer = dense(W, b)
layer = struct('kind', 'dense', 'W', numbers(W), 'b', numbers(b(:)));
end


function layer = scaled(gain, center, shift)
layer = struct('kind', 'scale', 'gain', numbers(gain(:)), 'center', numbers(center(:)), 'shift', numbers(shift(:)));
end


function x = numbers(x)
% Plain doubles, whatever they were kept in.
if ~isnumeric(x) && ~islogical(x)
    x = extractdata(x);
end
if ~isa(x, 'double') || issparse(x)
    try
        x = gather(x);
    catch
    end
    x = full(double(x));
end
end


function [g, value] = joined(g, kind, values)
if numel(values) == 1
    value = values;
else
    [g, value] = add(g, struct('kind', kind), values);
end
end


function [g, value] = activated(g, name, value)
if ~any(strcmpi(name, {'purelin', 'linear', 'none'}))
    [g, value] = add(g, struct('kind', 'activation', 'activation', name), value);
end
end


function g = ended(g, values)
% The last layer is the output.
[g, value] = joined(g, 'concatenate', values);
if isempty(g.layers) || value ~= numel(g.layers)
    g = add(g, struct('kind', 'sum'), value);
end
end


function port = port_of(name, columns, lower, upper)
port.name = name;
port.columns = columns(:);
port.size = numel(columns);
if numel(lower) == numel(columns) && numel(upper) == numel(columns)
    port.lower = numbers(lower(:));
    port.upper = numbers(upper(:));
end
end


function names = numbered(letter, first, count, ending)
names = cell(count, 1);
for k = 1:count
    names{k} = sprintf('%s%d%s', letter, first + k - 1, ending);
end
end


function value = get_or(s, name, default)
try
    value = s.(name);
catch
    value = default;
end
end


function yes = has(s, name)
yes = (isstruct(s) && isfield(s, name)) || (isobject(s) && any(strcmp(name, properties(s))));
end


function name = class_of(s)
% A struct may stand for an object: its field `class` then says of what.
name = class(s);
if isstruct(s) && isfield(s, 'class')
    name = s.class;
end
end


function text = origin(kind, version)
text = struct('classname', kind, 'version', version);
end


% ---------------------------------------------------------------- plain weights

function out = from_weights(W, b, activations)
if numel(W) ~= numel(b) || numel(W) ~= numel(activations)
    error('nngrad:export', '%d weights, %d biases and %d activations: each layer has one of each', ...
        numel(W), numel(b), numel(activations));
end
g = nothing();
value = 0;
for k = 1:numel(W)
    [g, value] = add(g, dense(W{k}, b{k}), value);
    [g, value] = activated(g, activations{k}, value);
end
out.layers = g.layers;
out.inputs = {port_of('x', numbered('x', 1, size(W{1}, 2), ''), [], [])};
out.outputs = {port_of('y', numbered('y', 1, size(W{end}, 1), ''), [], [])};
out.origin = origin('plain weights', '');
end


% ---------------------------------------------------------------- network objects

function out = from_network(net)
% A network with delays becomes its one-step map: the taps of its inputs, newest first, then the delayed outputs of its layers.
n = struct('I', double(net.inputConnect ~= 0), 'L', double(net.layerConnect ~= 0), 'B', double(net.biasConnect ~= 0));
n.inputs = size(n.I, 2);
n.count = size(n.I, 1);
n = with_taps(net, n);
g = nothing();
[g, n] = processed_inputs(g, net, n);
values = zeros(1, n.count);
for i = order_of(net, n)
    [g, values(i)] = layer_of(g, net, n, values, i);
end
outputs = find(net.outputConnect);
ends = zeros(1, 0);
ports = cell(0, 1);
first = 1;
for i = outputs(:)'
    o = net.outputs{i};
    [g, v] = steps(g, o, values(i), true);
    ends(end + 1) = v; %#ok<AGROW>
    ports{end + 1, 1} = range_port(o, numbered('y', first, output_size(net, o, i), ''), 1, ...
        sprintf('Output %d', numel(ends))); %#ok<AGROW>
    first = first + ports{end}.size;
end
g = ended(g, ends);
out.layers = g.layers;
out.inputs = n.ports;
out.outputs = ports;
out.origin = origin('network', char(get_or(net, 'version', '')));
end


function n = with_taps(net, n)
% Which columns of the input belong to each input (or delayed layer) and each of its delays.
n.taps = cell(1, n.inputs);
n.states = cell(1, n.count);
n.column = 0;
n.total = 0;
for j = 1:n.inputs
    d = [];
    for i = find(n.I(:, j))'
        d = [d, delays_of(net.inputWeights{i, j})]; %#ok<AGROW>
    end
    n.taps{j} = unique(d);
    if isempty(d)
        n.taps{j} = 0;
    end
    n.start(j) = n.total;
    n.total = n.total + input_size(net, j) * numel(n.taps{j});
end
for j = 1:n.count
    d = [];
    for i = find(n.L(:, j))'
        d = [d, delays_of(net.layerWeights{i, j})]; %#ok<AGROW>
    end
    n.states{j} = setdiff(unique(d), 0);
    n.state_start(j) = n.total;
    n.total = n.total + double(net.layers{j}.size) * numel(n.states{j});
end
n.dynamic = any(~cellfun(@isempty, n.states)) || any(cellfun(@(t) ~isequal(double(t), 0), n.taps));
end


function d = delays_of(weight)
d = double(get_or(weight, 'delays', 0));
d = d(:)';
end


function count = input_size(net, j)
in = net.inputs{j};
count = double(get_or(in, 'size', size(get_or(in, 'range', []), 1)));
end


function count = output_size(net, o, i)
count = double(get_or(o, 'size', net.layers{i}.size));
end


function [g, n] = processed_inputs(g, net, n)
n.values = cell(1, n.inputs);
n.state_values = cell(1, n.count);
n.ports = cell(0, 1);
before = 1;
given = cell(1, n.inputs);
sizes = zeros(1, n.inputs);
for j = 1:n.inputs
    given{j} = get_or(net.inputs{j}, 'name', '');
    sizes(j) = input_size(net, j);
end
own = own_names(given, sizes);
for j = 1:n.inputs
    R = input_size(net, j);
    columns = cell(0, 1);
    for t = 1:numel(n.taps{j})
        [g, v] = picked(g, n, n.start(j) + (t - 1) * R, R);
        [g, n.values{j}(t)] = steps(g, net.inputs{j}, v, false);
        names = numbered('x', before, R, when(n, n.taps{j}(t)));
        if ~isempty(own{j})
            names = {[own{j}, when(n, n.taps{j}(t))]};
        end
        columns = [columns; names]; %#ok<AGROW>
    end
    n.ports{end + 1, 1} = range_port(net.inputs{j}, columns, numel(n.taps{j}), sprintf('Input %d', j));
    before = before + R;
end
for j = find(~cellfun(@isempty, n.states))
    S = double(net.layers{j}.size);
    columns = cell(0, 1);
    for t = 1:numel(n.states{j})
        [g, n.state_values{j}(t)] = picked(g, n, n.state_start(j) + (t - 1) * S, S);
        if S == 1
            names = {sprintf('a%d%s', j, when(n, n.states{j}(t)))};
        else
            names = numbered(sprintf('a%d_', j), 1, S, when(n, n.states{j}(t)));
        end
        columns = [columns; names]; %#ok<AGROW>
    end
    n.ports{end + 1, 1} = port_of(sprintf('outputs of layer %d before (normalised units)', j), columns, [], []);
end
end


function own = own_names(given, sizes)
% What inputs are called that are one column each and named by a user: not by a number, nor as MATLAB or Keras do by themselves.
automatic = ['^(input|input_layer|inputs|in|keras_tensor|feature_?input|sequence_?input|image_?input|feature|sequence|image|' ...
    'layer|data)[ _]?\d*(_\d+)?$'];
own = given;
for j = 1:numel(sizes)
    name = given{j};
    usable = ischar(name) && ~isempty(name) && size(name, 1) == 1 && strcmp(strtrim(name), name) && all(name >= 32 & name ~= 127);
    if sizes(j) ~= 1 || ~usable || ~isempty(regexp(name, '^\d+$', 'once')) || ~isempty(regexpi(name, automatic, 'once'))
        own = repmat({''}, 1, numel(sizes));
        return
    end
end
if numel(unique(own)) < numel(own)
    own = repmat({''}, 1, numel(sizes));
end
end


function text = when(n, delay)
text = '';
if n.dynamic && delay > 0
    text = sprintf('(t-%d)', delay);
elseif n.dynamic
    text = '(t)';
end
end


function [g, value] = picked(g, n, start, count)
value = 0;
if count ~= n.total
    [g, value] = add(g, struct('kind', 'select', 'keep', (start + (1:count))'), 0);
end
end


function port = range_port(part, columns, times, name)
range = numbers(get_or(part, 'range', []));
if size(range, 2) ~= 2
    range = zeros(0, 2);
end
given = get_or(part, 'name', '');
if ischar(given) && ~isempty(given)
    name = given;
end
port = port_of(name, columns, repmat(range(:, 1), times, 1), repmat(range(:, 2), times, 1));
end


function [g, value] = steps(g, part, value, reverse)
% The processing of an input, or undone, last first, that of an output.
names = get_or(part, 'processFcns', {});
settings = get_or(part, 'processSettings', {});
if ischar(names)
    names = {names};
    settings = {settings};
end
if numel(names) ~= numel(settings)
    error('nngrad:export', '%d processFcns with %d processSettings: train or configure the network first', numel(names), numel(settings));
end
order = 1:numel(names);
if reverse
    order = fliplr(order);
end
for q = order
    layer = struct('kind', names{q}, 'settings', plain_settings(settings{q}));
    if reverse
        layer.reverse = 1;
    end
    [g, value] = add(g, layer, value);
end
end


function s = plain_settings(s)
% Numbers and text; a setting that is neither can't be told to another program.
fields = fieldnames(s);
for k = 1:numel(fields)
    v = s.(fields{k});
    if islogical(v) || (isnumeric(v) && ~isa(v, 'double'))
        s.(fields{k}) = double(v);
    elseif ~isnumeric(v) && ~ischar(v)
        s = rmfield(s, fields{k});
    end
end
end


function order = order_of(net, n)
% Layers so that what a layer reads without delay comes before it.
order = zeros(1, 0);
waiting = 1:n.count;
while ~isempty(waiting)
    chosen = 0;
    for i = waiting
        ready = true;
        for j = find(n.L(i, :))
            ready = ready && (~any(delays_of(net.layerWeights{i, j}) == 0) || any(order == j));
        end
        if ready
            chosen = i;
            break
        end
    end
    if ~chosen
        error('nngrad:export', 'layers %s feed each other without a delay', mat2str(waiting));
    end
    order(end + 1) = chosen; %#ok<AGROW>
    waiting = setdiff(waiting, chosen);
end
end


function [g, value] = layer_of(g, net, n, values, i)
part = net.layers{i};
transfer = part.transferFcn;
net_input = get_or(part, 'netInputFcn', 'netsum');
if ~any(strcmp(net_input, {'netsum', 'netprod'}))
    error('nngrad:export', 'layers{%d}.netInputFcn: %s is not supported; supported are netsum and netprod', i, net_input);
end
S = double(part.size);
bias = [];
if n.B(i)
    bias = numbers(net.b{i});
end
[g, links] = links_of(g, net, n, values, i);
distance = numel(links) == 1 && any(strcmp(links(1).fcn, {'dist', 'negdist'}));
if any(strcmp(transfer, {'radbas', 'radbasn'})) && distance && (strcmp(net_input, 'netprod') || ~n.B(i))
    [g, value] = radial(g, links(1), bias, transfer, S, n.B(i));
    return
end
if isempty(links)
    constant = zeros(S, 1);
    if n.B(i)
        constant = bias(:);
    end
    [g, value] = add(g, struct('kind', 'constant', 'value', constant), 0);
elseif strcmp(net_input, 'netprod')
    [g, value] = producted(g, links, bias, n.B(i));
else
    [g, value] = summed(g, links, bias, S, n.B(i));
end
[g, value] = activated(g, transfer, value);
end


function [g, links] = links_of(g, net, n, values, i)
% The connections into layer i: their weights, and the value that each is applied to.
links = struct('fcn', {}, 'W', {}, 'source', {});
for j = find(n.I(i, :))
    d = delays_of(net.inputWeights{i, j});
    if ~isempty(d)
        [~, at] = ismember(d, n.taps{j});
        [g, v] = joined(g, 'concatenate', n.values{j}(at));
        links(end + 1) = link_of(net.inputWeights{i, j}, net.IW{i, j}, v); %#ok<AGROW>
    end
end
for j = find(n.L(i, :))
    d = delays_of(net.layerWeights{i, j});
    if ~isempty(d)
        v = zeros(size(d));
        for k = 1:numel(d)
            if d(k) == 0
                v(k) = values(j);
            else
                v(k) = n.state_values{j}(n.states{j} == d(k));
            end
        end
        [g, v] = joined(g, 'concatenate', v);
        links(end + 1) = link_of(net.layerWeights{i, j}, net.LW{i, j}, v); %#ok<AGROW>
    end
end
end


function link = link_of(weight, W, source)
fcn = get_or(weight, 'weightFcn', 'dotprod');
if ~any(strcmp(fcn, {'dotprod', 'dist', 'negdist', 'mandist', 'normprod', 'scalprod'}))
    error('nngrad:export', 'weightFcn: %s is not supported; supported are dotprod, dist, negdist, mandist, normprod, scalprod', fcn);
end
link = struct('fcn', fcn, 'W', numbers(W), 'source', source);
end


function [g, value] = radial(g, link, bias, transfer, S, has_bias)
% exp(-(b |x - c|)^2), which is smooth at its centre.
b = ones(S, 1);
if has_bias
    b = bias(:);
end
[g, value] = add(g, struct('kind', 'squared_distance', 'C', link.W, 'b', b), link.source);
if strcmp(transfer, 'radbasn')
    [g, value] = add(g, struct('kind', 'softmax'), value);
else
    [g, value] = activated(g, 'exp', value);
end
end


function [g, value] = producted(g, links, bias, has_bias)
v = zeros(1, numel(links));
for k = 1:numel(links)
    [g, v(k)] = weighted(g, links(k), zeros(size(links(k).W, 1), 1));
end
[g, value] = joined(g, 'product', v);
if has_bias
    [g, value] = add(g, scaled(bias, 0, 0), value);
end
end


function [g, value] = summed(g, links, bias, S, has_bias)
v = zeros(1, numel(links));
taken = false;
for k = 1:numel(links)
    b = zeros(S, 1);
    if has_bias && ~taken && strcmp(links(k).fcn, 'dotprod')
        b = bias;
        taken = true;
    end
    [g, v(k)] = weighted(g, links(k), b);
end
[g, value] = joined(g, 'sum', v);
if has_bias && ~taken
    [g, value] = add(g, scaled(1, 0, bias), value);
end
end


function [g, value] = weighted(g, link, b)
switch link.fcn
    case 'dotprod'
        layer = dense(link.W, b);
    case 'scalprod'
        layer = scaled(link.W, 0, 0);
    otherwise
        layer = struct('kind', link.fcn, 'W', link.W);
end
[g, value] = add(g, layer, link.source);
end


% ---------------------------------------------------------------- fitrnet, fitcnet

function out = from_fit(net)
if ~isempty(get_or(net, 'CategoricalPredictors', []))
    error('nngrad:export', 'CategoricalPredictors: models with categorical predictors are not supported; use dummy variables of your own');
end
for name = {'ResponseTransform', 'ScoreTransform'}
    t = get_or(net, name{1}, 'none');
    if ~(ischar(t) && any(strcmpi(t, {'none', 'identity'})))
        error('nngrad:export', '%s: only ''none'' is supported', name{1});
    end
end
g = nothing();
value = 0;
W = net.LayerWeights;
b = net.LayerBiases;
mu = numbers(get_or(net, 'Mu', []));
if ~isempty(mu)
    [g, value] = add(g, scaled(1 ./ numbers(net.Sigma), mu, 0), value);
end
hidden = cellstr(get_or(net, 'Activations', 'relu'));
for k = 1:numel(W)
    [g, value] = add(g, dense(W{k}, b{k}), value);
    if k < numel(W)
        name = hidden{min(k, numel(hidden))};
    else
        name = get_or(net, 'OutputLayerActivation', 'none');
    end
    [g, value] = activated(g, name, value);
end
g = ended(g, value);
out.layers = g.layers;
out.inputs = {port_of('x', fit_names(net, 'PredictorNames', 'x', size(W{1}, 2)), [], [])};
out.outputs = {port_of('y', fit_names(net, 'ResponseName', 'y', size(W{end}, 1)), [], [])};
out.origin = origin(class_of(net), '');
end


function names = fit_names(net, field, letter, count)
names = get_or(net, field, {});
if ischar(names)
    names = {names};
end
if ~iscell(names) || numel(names) ~= count
    names = numbered(letter, 1, count, '');
end
end


% ---------------------------------------------------------------- Deep Learning networks

function out = from_layers(net)
n = graph_of(net);
g = nothing();
values = zeros(1, n.count);
done = false(1, n.count);
[starts, total, out.inputs] = input_columns(net, n);
while ~all(done)
    k = find(~done & cellfun(@(s) all(done(s)), n.sources), 1);
    if isempty(k)
        error('nngrad:export', 'the layers feed each other in a circle');
    end
    layer = layer_at(net, k);
    if isempty(n.sources{k})
        [g, values(k)] = from_input(g, layer, starts(k), total);
    else
        [g, values(k)] = from_layer(g, layer, values(n.sources{k}));
    end
    done(k) = true;
end
g = ended(g, values(n.ends));
out.layers = g.layers;
out.origin = origin(class_of(net), '');
end


function layer = layer_at(net, k)
if iscell(net.Layers)
    layer = net.Layers{k};
else
    layer = net.Layers(k);
end
end


function n = graph_of(net)
% What each layer reads, in order of its inputs in1, in2, ...; a SeriesNetwork is a chain.
n.count = numel(net.Layers);
n.sources = cell(1, n.count);
names = cell(1, n.count);
for k = 1:n.count
    names{k} = char(get_or(layer_at(net, k), 'Name', ''));
end
if ~has(net, 'Connections') || isempty(net.Connections)
    for k = 2:n.count
        n.sources{k} = k - 1;
    end
    n.ends = n.count;
    return
end
from = cellstr(net.Connections.Source);
to = cellstr(net.Connections.Destination);
place = cell(1, n.count);
for c = 1:numel(from)
    s = find(strcmp(names, from{c}));
    [layer, rest] = strtok(to{c}, '/');
    d = find(strcmp(names, layer));
    if numel(s) ~= 1 || numel(d) ~= 1
        error('nngrad:export', 'the connection from %s to %s is not between two layers', from{c}, to{c});
    end
    at = sscanf(rest, '/in%d');
    if isempty(at)
        at = 1;
    end
    n.sources{d}(end + 1) = s;
    place{d}(end + 1) = at;
end
for k = 1:n.count
    [~, order] = sort(place{k});
    n.sources{k} = n.sources{k}(order);
end
n.ends = setdiff(1:n.count, [n.sources{:}]);
given = cellstr(get_or(net, 'OutputNames', {}));
[known, at] = ismember(given, names);
if ~isempty(given) && all(known) && isempty(setxor(at, n.ends))
    n.ends = at(:)';
end
end


function [starts, total, ports] = input_columns(net, n)
starts = zeros(1, n.count);
total = 0;
ports = cell(0, 1);
order = find(cellfun(@isempty, n.sources));
names = cellfun(@(k) char(get_or(layer_at(net, k), 'Name', 'x')), num2cell(order), 'UniformOutput', false);
own = own_names(names, cellfun(@(k) prod(double(get_or(layer_at(net, k), 'InputSize', NaN))), num2cell(order)));
for k = order
    layer = layer_at(net, k);
    count = prod(double(get_or(layer, 'InputSize', NaN)));
    if isnan(count)
        error('nngrad:export', '%s (%s): a network starts with an input layer of a known size', get_or(layer, 'Name', ''), class_of(layer));
    end
    starts(k) = total;
    columns = numbered('x', total + 1, count, '');
    if ~isempty(own{order == k})
        columns = own(order == k);
    end
    ports{end + 1, 1} = port_of(names{order == k}, columns, [], []); %#ok<AGROW>
    total = total + count;
end
end


function [g, value] = from_input(g, layer, start, total)
count = prod(double(layer.InputSize));
[g, value] = picked(g, struct('total', total), start, count);
kind = get_or(layer, 'Normalization', 'none');
if ~ischar(kind)
    error('nngrad:export', '%s: a normalisation function is not supported', layer.Name);
end
switch kind
    case 'none'
    case 'zerocenter'
        [g, value] = add(g, scaled(1, statistic(layer, 'Mean', count), 0), value);
    case 'zscore'
        [g, value] = add(g, scaled(1 ./ statistic(layer, 'StandardDeviation', count), statistic(layer, 'Mean', count), 0), value);
    case {'rescale-symmetric', 'rescale-zero-one'}
        low = statistic(layer, 'Min', count);
        width = statistic(layer, 'Max', count) - low;
        if strcmp(kind, 'rescale-symmetric')
            [g, value] = add(g, scaled(2 ./ width, low, -1), value);
        else
            [g, value] = add(g, scaled(1 ./ width, low, 0), value);
        end
    otherwise
        error('nngrad:export', '%s: Normalization %s is not supported', layer.Name, kind);
end
end


function s = statistic(layer, name, count)
% For each element, each channel (the last dimension), or all.
s = numbers(layer.(name));
if isempty(s)
    error('nngrad:export', '%s.%s is empty: train or initialise the network first', layer.Name, name);
end
sizes = double(layer.InputSize);
if numel(s) == sizes(end) && numel(s) ~= count
    s = kron(s(:), ones(count / sizes(end), 1));
elseif numel(s) == 1
    s = repmat(s, count, 1);
end
if numel(s) ~= count
    error('nngrad:export', '%s.%s: %d values for %d inputs', layer.Name, name, numel(s), count);
end
end


function [g, value] = from_layer(g, layer, sources)
value = sources(1);
kind = class_of(layer);
short = regexprep(kind, '^.*\.', '');
switch short
    case 'FullyConnectedLayer'
        W = numbers(layer.Weights);
        if isempty(W) || ndims(W) > 2
            error('nngrad:export', '%s: weights of size %s; train the network first', layer.Name, mat2str(size(W)));
        end
        [g, value] = add(g, dense(W, layer.Bias), value);
    case {'ReLULayer', 'TanhLayer', 'SigmoidLayer', 'SwishLayer', 'SoftplusLayer', 'SoftmaxLayer'}
        [g, value] = activated(g, lower(strrep(short, 'Layer', '')), value);
    case 'GELULayer'
        names = struct('none', 'gelu', 'tanh', 'gelu_tanh');
        [g, value] = activated(g, names.(char(get_or(layer, 'Approximation', 'none'))), value);
    case 'LeakyReLULayer'
        [g, value] = add(g, struct('kind', 'leaky_relu', 'slope', numbers(layer.Scale)), value);
    case 'ClippedReLULayer'
        [g, value] = add(g, struct('kind', 'clipped_relu', 'ceiling', numbers(layer.Ceiling)), value);
    case 'ELULayer'
        [g, value] = add(g, struct('kind', 'elu', 'alpha', numbers(layer.Alpha)), value);
    case 'BatchNormalizationLayer'
        gain = numbers(layer.Scale(:)) ./ sqrt(numbers(layer.TrainedVariance(:)) + numbers(layer.Epsilon));
        [g, value] = add(g, scaled(gain, layer.TrainedMean, layer.Offset), value);
    case 'ScalingLayer'
        [g, value] = add(g, scaled(layer.Scale, 0, layer.Bias), value);
    case 'AdditionLayer'
        [g, value] = joined(g, 'sum', sources);
    case 'MultiplicationLayer'
        [g, value] = joined(g, 'product', sources);
    case {'ConcatenationLayer', 'DepthConcatenationLayer'}
        [g, value] = joined(g, 'concatenate', sources);
    case {'DropoutLayer', 'RegressionOutputLayer', 'ClassificationOutputLayer', 'FlattenLayer'}
    otherwise
        error('nngrad:export', ['%s (%s): not supported; supported are fully connected, activation, batch normalisation, ' ...
            'scaling, addition, multiplication, concatenation and dropout layers'], char(get_or(layer, 'Name', '')), kind);
end
end
