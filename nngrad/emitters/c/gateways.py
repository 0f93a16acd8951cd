"""C around the C: a MEX gateway, and a function for Simulink's C Caller block. They change nothing but the layout."""

from __future__ import annotations

from nngrad.core.network import Network
from nngrad.emitters.text import filled, listed

MEX = """/* NAME_mex: [y, J, H] = NAME_mex(x) in MATLAB or Octave, with samples in columns; build it with
     mex NAME_mex.c SOURCE              (MATLAB)
     mkoctfile --mex NAME_mex.c SOURCE  (Octave)
   The rows of x: INPUTS.
   The rows of y: OUTPUTS.
   x is a full real matrix of doubles, N x Q; y is M x Q, J is M x N x Q, H is N x N x M x Q. Anything else is an error.
   Stack: that of NAME and NAME_hessian (see HEADER); x, y, J and H of a sample are asked of mxMalloc. */
#include <stddef.h>
#include "mex.h"
#include "HEADER"

void mexFunction(int nlhs, mxArray *plhs[], int nrhs, const mxArray *prhs[])
{
    const double *input;
    double *outY, *outJ = NULL, *outH = NULL;
    REAL *x, *y, *J = NULL, *H = NULL;
    mwSize count, s, k, sizeJ[3], sizeH[4];
    int i, j;
    if (nrhs != 1 || nlhs > 3) {
        mexErrMsgIdAndTxt("NAME:count", "NAME_mex takes one argument, x, and gives up to three: [y, J, H] = NAME_mex(x)");
    }
    if (!mxIsDouble(prhs[0]) || mxIsComplex(prhs[0]) || mxIsSparse(prhs[0])) {
        mexErrMsgIdAndTxt("NAME:input", "NAME_mex takes a full real matrix of doubles: full(double(x))");
    }
    if (mxGetNumberOfDimensions(prhs[0]) != 2 || mxGetM(prhs[0]) != N) {
        mexErrMsgIdAndTxt("NAME:input", "NAME_mex takes a matrix of ROWS, a column for each sample");
    }
    count = (mwSize)mxGetN(prhs[0]);
    input = mxGetPr(prhs[0]);
    plhs[0] = mxCreateDoubleMatrix(M, count, mxREAL);
    outY = mxGetPr(plhs[0]);
    x = (REAL *)mxMalloc(N*sizeof(REAL));
    y = (REAL *)mxMalloc(M*sizeof(REAL));
    if (nlhs > 1) {
        sizeJ[0] = M;
        sizeJ[1] = N;
        sizeJ[2] = count;
        plhs[1] = mxCreateNumericArray(3, sizeJ, mxDOUBLE_CLASS, mxREAL);
        outJ = mxGetPr(plhs[1]);
        J = (REAL *)mxMalloc((size_t)M*N*sizeof(REAL));
    }
    if (nlhs > 2) {
        sizeH[0] = N;
        sizeH[1] = N;
        sizeH[2] = M;
        sizeH[3] = count;
        plhs[2] = mxCreateNumericArray(4, sizeH, mxDOUBLE_CLASS, mxREAL);
        outH = mxGetPr(plhs[2]);
        H = (REAL *)mxMalloc((size_t)M*N*N*sizeof(REAL));
    }
    for (s = 0; s < count; ++s) {
        for (k = 0; k < N; ++k) { x[k] = (REAL)input[s*N + k]; }
        if (H) {
            NAME_hessian(x, y, J, H);
            for (k = 0; k < (mwSize)M*N*N; ++k) { outH[s*M*N*N + k] = (double)H[k]; }
        } else {
            NAME(x, y, J);
        }
        for (k = 0; k < M; ++k) { outY[s*M + k] = (double)y[k]; }
        for (i = 0; J && i < M; ++i) {
            for (j = 0; j < N; ++j) { outJ[s*M*N + (mwSize)j*M + (mwSize)i] = (double)J[i*N + j]; }
        }
    }
    mxFree(x);
    mxFree(y);
    mxFree(J);
    mxFree(H);
}
"""
SIMULINK_C = """/* NAME_simulink: see NAME_simulink.h */
#include "NAME_simulink.h"
#include "HEADER"
TURN
void NAME_simulink(const REAL x[N], REAL y[M], REAL J[MN])
{
    NAME(x, y, J);
TURNED}
"""
TURN = """
/* The transpose of M rows in the same memory: every cycle of places is followed once. */
static void NAME_turn(REAL *J)
{
    unsigned char seen[MN] = {0};
    int i, k;
    for (i = 0; i < MN; ++i) {
        for (k = i; !seen[k];) {
            const int to = (k % N)*M + k/N;
            const REAL kept = J[to];
            seen[k] = 1;
            J[to] = J[i];
            J[i] = kept;
            k = to;
        }
    }
}
"""
SIMULINK_H = """/* NAME_simulink: for Simulink's C Caller block; y (M x 1) and the Jacobian J (M x N, column-major) at the inputs x (N x 1).
   The rows of x: INPUTS.
   The rows of y: OUTPUTS.
   Under Simulation Target name HEADER and NAME_simulink.h as headers, SOURCE and NAME_simulink.c as sources.
   Stack: STACK (see HEADER). */
#ifndef NNGRAD_NAME_SIMULINK_H
#define NNGRAD_NAME_SIMULINK_H
#ifdef __cplusplus
extern "C" {
#endif

void NAME_simulink(const REAL x[N], REAL y[M], REAL J[MN]);

#ifdef __cplusplus
}
#endif
#endif
"""


def write(net: Network, name: str, files: tuple[str, str], single: bool, mex: bool, simulink: bool) -> dict[str, str]:
    """NAME_mex.c; NAME_simulink.c and its header. `files` are the main source and its header."""
    n, m = net.input_size, net.output_size
    words = {
        "NAME": name,
        "SOURCE": files[0],
        "HEADER": files[1],
        "INPUTS": listed(net.inputs, 12),
        "OUTPUTS": listed(net.outputs, 12),
    }
    words |= {"MN": str(m * n), "N": str(n), "M": str(m), "REAL": "float" if single else "double"}
    words["ROWS"] = f"{n} rows" if n > 1 else "1 row"
    turned = m > 1 and n > 1  # a single row or column is its own transpose
    parts = {"TURN": TURN if turned else "", "TURNED": "    NAME_turn(J);\n" if turned else ""}
    parts["STACK"] = "MN bytes, and that of NAME" if turned else "that of NAME"
    wanted = {f"{name}_mex.c": MEX} if mex else {}
    wanted |= {f"{name}_simulink.c": SIMULINK_C, f"{name}_simulink.h": SIMULINK_H} if simulink else {}
    return {file: filled(filled(text, parts), words) for file, text in wanted.items()}
