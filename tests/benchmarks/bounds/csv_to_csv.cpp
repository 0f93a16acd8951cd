// Reads rows from a CSV file with a header and writes their Jacobians to another: `csv_to_csv WEIGHTS X.csv J.csv`, on two threads.
// Nothing is checked: this is the least that such a job can cost. WEIGHTS is that of npy_to_npy.c.
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern "C" {
struct net_t {
    int inputs, hidden;
    const double *W, *b, *v;
    double c;
};
void rows_of(const net_t *net, const double *x, double *y, double *J, std::size_t rows);
}

constexpr int N = 10, LANES = 64, LONGEST = 26;  // LONGEST: characters of a number and its separator
static double weights[N * N + N + N + 1];

struct Piece {
    std::unique_ptr<char[]> text;
    std::size_t used = 0;
};

// Every worker fills pieces of a fixed size, so that nothing that was written moves again.
static void work(const net_t &net, const char *at, const char *end, std::vector<Piece> &pieces) {
    constexpr std::size_t size = 1 << 22, most = LANES * N * LONGEST;
    double x[LANES * N], J[LANES * N];
    while (at < end) {
        int rows = 0;
        for (; rows < LANES && at < end; rows++)
            for (int j = 0; j < N; j++) at = std::from_chars(at, end, x[rows * N + j]).ptr + 1;
        rows_of(&net, x, nullptr, J, rows);
        if (pieces.empty() || pieces.back().used + most > size) pieces.push_back({std::unique_ptr<char[]>(new char[size])});
        char *begin = pieces.back().text.get(), *to = begin + pieces.back().used;
        for (int k = 0; k < rows * N; k++) {
            to = std::to_chars(to, to + LONGEST, J[k]).ptr;
            *to++ = k % N == N - 1 ? '\n' : ',';
        }
        pieces.back().used = to - begin;
    }
}

int main(int count, char **words) {
    std::FILE *file = count == 4 ? std::fopen(words[1], "rb") : nullptr;
    if (!file || std::fread(weights, sizeof weights, 1, file) != 1) return 1;
    std::fclose(file);
    const net_t net = {N, N, weights, weights + N * N, weights + N * N + N, weights[N * N + N + N]};

    struct stat status;
    int in = open(words[2], O_RDONLY), out = open(words[3], O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (in < 0 || out < 0 || fstat(in, &status)) return 1;
    const char *begin = static_cast<const char *>(mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, in, 0));
    const char *end = begin + status.st_size, *first = std::strchr(begin, '\n') + 1, *middle = std::strchr(first + (end - first) / 2, '\n') + 1;

    std::vector<Piece> front, back;
    std::thread other([&] { work(net, middle, end, back); });
    work(net, first, middle, front);
    constexpr std::string_view header = "dy1/dx1,dy1/dx2,dy1/dx3,dy1/dx4,dy1/dx5,dy1/dx6,dy1/dx7,dy1/dx8,dy1/dx9,dy1/dx10\n";
    bool fine = write(out, header.data(), header.size()) == ssize_t(header.size());
    for (const Piece &piece : front) fine = fine && write(out, piece.text.get(), piece.used) == ssize_t(piece.used);
    other.join();
    for (const Piece &piece : back) fine = fine && write(out, piece.text.get(), piece.used) == ssize_t(piece.used);
    return close(out) || !fine;
}
