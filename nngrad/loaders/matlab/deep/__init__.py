"""Networks of MATLAB's Deep Learning Toolbox: `reader` takes whole networks, `alone` bare arrays of layers."""
