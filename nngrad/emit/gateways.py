"""C around the C: a MEX gateway, and a function for Simulink's C Caller block. The one rule: they change the layout, and nothing else."""

from __future__ import annotations

from nngrad.emit.program import Program
from nngrad.emit.text import filled

MEX = """/* NAME_mex: [y, J, H] = NAME_mex(x) in MATLAB or Octave, with samples in columns; build it with
     mex NAME_mex.c NAME.c              (MATLAB)
     mkoctfile --mex NAME_mex.c NAME.c  (Octave) */
#include "mex.h"
#include "NAME.h"

void mexFunction(int nlhs, mxArray *plhs[], int nrhs, const mxArray *prhs[])
{
    if (nrhs != 1 || !mxIsDouble(prhs[0]) || mxIsComplex(prhs[0]) || mxGetM(prhs[0]) != N) {
        mexErrMsgIdAndTxt("NAME:input", "NAME_mex takes one real double matrix of N rows, a column for each sample");
    }
    const mwSize count = mxGetN(prhs[0]);
    const mwSize sizeJ[3] = {M, N, count};
    const mwSize sizeH[4] = {N, N, M, count};
    plhs[0] = mxCreateDoubleMatrix(M, count, mxREAL);
    if (nlhs > 1) { plhs[1] = mxCreateNumericArray(3, sizeJ, mxDOUBLE_CLASS, mxREAL); }
    if (nlhs > 2) { plhs[2] = mxCreateNumericArray(4, sizeH, mxDOUBLE_CLASS, mxREAL); }
    const double *input = mxGetPr(prhs[0]);
    double *const outY = mxGetPr(plhs[0]);
    double *const outJ = (nlhs > 1) ? mxGetPr(plhs[1]) : NULL;
    double *const outH = (nlhs > 2) ? mxGetPr(plhs[2]) : NULL;
    for (mwSize s = 0; s < count; ++s) {
        REAL x[N], y[M], J[M*N];
        for (int k = 0; k < N; ++k) { x[k] = (REAL)input[s*N + (mwSize)k]; }
        if (nlhs > 2) {
            REAL *const H = (REAL *)mxMalloc(sizeof(REAL)*M*N*N);
            NAME_hessian(x, y, J, H);
            for (mwSize k = 0; k < (mwSize)M*N*N; ++k) { outH[s*M*N*N + k] = (double)H[k]; }
            mxFree(H);
        } else {
            NAME(x, y, (nlhs > 1) ? J : NULL);
        }
        for (int i = 0; i < M; ++i) {
            outY[s*M + (mwSize)i] = (double)y[i];
            for (int j = 0; j < N && nlhs > 1; ++j) { outJ[s*M*N + (mwSize)(j*M + i)] = (double)J[i*N + j]; }
        }
    }
}
"""
SIMULINK_C = """/* NAME_simulink: see NAME_simulink.h */
#include "NAME_simulink.h"
#include "NAME.h"

void NAME_simulink(const REAL x[N], REAL y[M], REAL J[MN])
{
    REAL rows[MN];
    NAME(x, y, rows);
    for (int i = 0; i < M; ++i) {
        for (int j = 0; j < N; ++j) { J[j*M + i] = rows[i*N + j]; }
    }
}
"""
SIMULINK_H = """/* NAME_simulink: for Simulink's C Caller block; y (M x 1) and the Jacobian J (M x N, column-major) at the inputs x (N x 1).
   Under Simulation Target name NAME.h and NAME_simulink.h as headers, NAME.c and NAME_simulink.c as sources. */
#ifndef UPPER_SIMULINK_H
#define UPPER_SIMULINK_H

void NAME_simulink(const REAL x[N], REAL y[M], REAL J[MN]);

#endif
"""


def emit(program: Program, name: str, single: bool, mex: bool, simulink: bool) -> dict[str, str]:
    """NAME_mex.c; NAME_simulink.c and its header."""
    n, m = program.x.size, program.y.size
    words = {"NAME": name, "UPPER": name.upper(), "MN": str(m * n), "N": str(n), "M": str(m), "REAL": "float" if single else "double"}
    wanted = ({f"{name}_mex.c": MEX} if mex else {}) | (
        {f"{name}_simulink.c": SIMULINK_C, f"{name}_simulink.h": SIMULINK_H} if simulink else {}
    )
    return {file: filled(text, words) for file, text in wanted.items()}
