/* The outputs and Jacobian of a network with one hidden tansig layer and one output, as fast as C goes: rows are turned so that
   every loop runs over LANES rows, tanh is the vector library's, and each thread takes half of the rows. */
#include <math.h>
#include <pthread.h>
#include <stddef.h>

enum { LANES = 64, WIDEST = 32 };

typedef struct {
    int inputs, hidden;
    const double *W, *b, *v; /* hidden layer (hidden, inputs), its bias, output layer */
    double c;                /* bias of the output */
} net_t;

static void lanes(const net_t *net, const double *restrict x, double *restrict y, double *restrict J, int rows) {
    const int n = net->inputs, h = net->hidden;
    double column[WIDEST][LANES], gradient[WIDEST][LANES], sum[LANES];
    for (int j = 0; j < n; j++)
        for (int r = 0; r < LANES; r++) {
            column[j][r] = r < rows ? x[r * n + j] : 0.0;
            gradient[j][r] = 0.0;
        }
    for (int r = 0; r < LANES; r++) sum[r] = net->c;
    for (int k = 0; k < h; k++) {
        const double *w = net->W + k * n;
        double a[LANES];
        for (int r = 0; r < LANES; r++) a[r] = net->b[k];
        for (int j = 0; j < n; j++)
            for (int r = 0; r < LANES; r++) a[r] += w[j] * column[j][r];
        for (int r = 0; r < LANES; r++) a[r] = tanh(a[r]);
        for (int r = 0; r < LANES; r++) sum[r] += net->v[k] * a[r];
        for (int r = 0; r < LANES; r++) a[r] = net->v[k] * (1.0 - a[r] * a[r]);
        for (int j = 0; j < n; j++)
            for (int r = 0; r < LANES; r++) gradient[j][r] += w[j] * a[r];
    }
    if (y)
        for (int r = 0; r < rows; r++) y[r] = sum[r];
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < n; j++) J[r * n + j] = gradient[j][r];
}

/* y may be NULL where only J is wanted */
void rows_of(const net_t *net, const double *x, double *y, double *J, size_t rows) {
    for (size_t s = 0; s < rows; s += LANES) {
        int count = rows - s < LANES ? (int)(rows - s) : LANES;
        lanes(net, x + s * net->inputs, y ? y + s : NULL, J + s * net->inputs, count);
    }
}

typedef struct {
    const net_t *net;
    const double *x;
    double *y, *J;
    size_t rows;
} half_t;

static void *half(void *of) {
    half_t *h = of;
    rows_of(h->net, h->x, h->y, h->J, h->rows);
    return NULL;
}

/* The whole job on two threads. */
void both_halves(const net_t *net, const double *x, double *y, double *J, size_t rows) {
    size_t mid = rows / 2 / LANES * LANES;
    half_t first = {net, x, y, J, mid}, rest = {net, x + mid * net->inputs, y + mid, J + mid * net->inputs, rows - mid};
    pthread_t other;
    pthread_create(&other, NULL, half, &first);
    half(&rest);
    pthread_join(other, NULL);
}
