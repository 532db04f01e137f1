"""Inner loops of the spectrogram: frames of samples in, power on the log-frequency axis out, many frames at a time.

`LANES` frames are transformed side by side, in vectors of one number for each frame. The transform is the real FFT of
radix 4 in the order of FFTPACK (Swarztrauber, "Vectorizing the FFTs", 1982). SciPy has it too, so the bits are SciPy's;
but here they are the same on every processor, and SciPy takes 0.1 s to load. No validation, no allocation.

`Lanes` is such a vector for Numba, and a NumPy row of as many numbers where nothing is compiled.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, overload, register_model

from fingerprint.kernel_cache import share_safely

__all__ = ["LANES", "cells_of_frames", "real_fft"]

share_safely(__name__)

LANES = 32
HALF_ROOT = np.float32(np.sqrt(0.5))
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


class Lanes(types.Type):
    """One float32 for each frame."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_LANES = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, _VECTOR)


def load(x, row, lane):
    """Return the numbers of a row of `x` from a lane on."""
    return x[row, lane : lane + LANES]


def store(x, row, value):
    """Write the first `LANES` numbers of a row of `x`."""
    x[row, :LANES] = value


def greater(a, b):
    """Return the greater of each two numbers, the second where they are equal."""
    return np.where(a > b, a, b)


def _place(context, builder, array_type, array, row, lane):
    """Return the pointer to the numbers of a C-contiguous array from a row and a lane on."""
    data = context.make_array(array_type)(context, builder, array)
    stride = builder.extract_value(data.strides, 0)
    start = builder.ptrtoint(data.data, stride.type)
    start = builder.add(start, builder.add(builder.mul(row, stride), builder.mul(lane, ir.Constant(lane.type, 4))))
    return builder.inttoptr(start, _VECTOR.as_pointer())


@intrinsic
def _load(_context, x, row, lane):
    def generate(context, builder, signature, arguments):
        return builder.load(_place(context, builder, signature.args[0], *arguments), align=4)

    return _LANES(x, types.int64, types.int64), generate


@intrinsic
def _store(_context, x, row, value):
    def generate(context, builder, signature, arguments):
        x, row, value = arguments
        builder.store(value, _place(context, builder, signature.args[0], x, row, ir.Constant(row.type, 0)), align=4)
        return context.get_dummy_value()

    return types.void(x, types.int64, _LANES), generate


@intrinsic
def _spread(_context, number):
    def generate(context, builder, signature, arguments):
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), arguments[0], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), everywhere)

    return _LANES(types.float32), generate


def _operation(name):
    @intrinsic
    def operation(_context, a, b):
        def generate(context, builder, signature, arguments):
            if name == "greater":
                return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)
            return getattr(builder, name)(*arguments)

        return _LANES(_LANES, _LANES), generate

    return operation


_sum, _difference, _product, _greater = map(_operation, ("fadd", "fsub", "fmul", "greater"))


@overload(load)
def _compiled_load(x, row, lane):
    def body(x, row, lane):
        return _load(x, row, lane)  # type: ignore[call-arg]  # numba passes the context

    return body


@overload(store)
def _compiled_store(x, row, value):
    def body(x, row, value):
        return _store(x, row, value)  # type: ignore[call-arg]  # numba passes the context

    return body


@overload(greater)
def _compiled_greater(a, b):
    return lambda a, b: _greater(a, b)


def _of_lanes(function, implementation):
    @overload(function)
    def choose(a, b):
        if a == b == _LANES:
            return lambda a, b: implementation(a, b)
        if a == types.float32 and b == _LANES:
            return lambda a, b: implementation(_spread(a), b)  # type: ignore[call-arg]  # numba passes the context
        return None


_of_lanes(operator.add, _sum)
_of_lanes(operator.sub, _difference)
_of_lanes(operator.mul, _product)


@njit(cache=True, nogil=True)
def radix_4(x, n_groups, length, turns, out):
    """Do one pass: in each of `n_groups` groups, four interleaved transforms of `length` numbers become one."""
    for k in range(n_groups):
        in0 = length * k
        in1, in2, in3 = in0 + length * n_groups, in0 + 2 * length * n_groups, in0 + 3 * length * n_groups
        out0 = 4 * length * k
        out1, out2, out3 = out0 + length, out0 + 2 * length, out0 + 3 * length
        a0, a1, a2, a3 = load(x, in0, 0), load(x, in1, 0), load(x, in2, 0), load(x, in3, 0)
        odd, even = a3 + a1, a0 + a2
        store(out, out0, even + odd)
        store(out, out1 + length - 1, a0 - a2)
        store(out, out2, a3 - a1)
        store(out, out3 + length - 1, even - odd)
        if length % 2 == 0:
            end = length - 1
            a0, a1, a2, a3 = load(x, in0 + end, 0), load(x, in1 + end, 0), load(x, in2 + end, 0), load(x, in3 + end, 0)
            imaginary, real = -HALF_ROOT * (a1 + a3), HALF_ROOT * (a1 - a3)
            store(out, out0 + end, a0 + real)
            store(out, out1, imaginary - a2)
            store(out, out2 + end, a0 - real)
            store(out, out3, imaginary + a2)
        for i in range(2, length, 2):
            at = length + i - 2
            back = length - i
            c1, s1, c2, s2 = turns[0, at], turns[0, at + 1], turns[1, at], turns[1, at + 1]
            c3, s3 = turns[2, at], turns[2, at + 1]
            r0, i0, r1, i1 = load(x, in0 + i - 1, 0), load(x, in0 + i, 0), load(x, in1 + i - 1, 0), load(x, in1 + i, 0)
            r2, i2, r3, i3 = load(x, in2 + i - 1, 0), load(x, in2 + i, 0), load(x, in3 + i - 1, 0), load(x, in3 + i, 0)
            r1, i1 = c1 * r1 + s1 * i1, c1 * i1 - s1 * r1
            r2, i2 = c2 * r2 + s2 * i2, c2 * i2 - s2 * r2
            r3, i3 = c3 * r3 + s3 * i3, c3 * i3 - s3 * r3
            odd_r, turned_r, odd_i, turned_i = r3 + r1, r3 - r1, i1 + i3, i1 - i3
            even_r, other_r, even_i, other_i = r0 + r2, r0 - r2, i0 + i2, i0 - i2
            store(out, out0 + i - 1, even_r + odd_r)
            store(out, out3 + back - 1, even_r - odd_r)
            store(out, out0 + i, odd_i + even_i)
            store(out, out3 + back, odd_i - even_i)
            store(out, out2 + i - 1, other_r + turned_i)
            store(out, out1 + back - 1, other_r - turned_i)
            store(out, out2 + i, turned_r + other_i)
            store(out, out1 + back, turned_r - other_i)


@njit(cache=True, nogil=True)
def real_fft(x, turns, scratch):
    """Transform the columns of `x` [shape=(n, LANES), dtype=float32], n = 4 ** m, and return which array holds them.

    Both arrays are overwritten. Rows 2 k - 1 and 2 k are the real and the imaginary part k; the first row and the last
    are real.
    """
    n = x.shape[0]
    length = 1
    while length < n:
        radix_4(x, n // (4 * length), length, turns, scratch)
        x, scratch = scratch, x
        length *= 4
    return x


@njit(cache=True, nogil=True)
def cells_of_frames(samples, window, turns, low, high, weight, steps, work, scratch, out):
    """Write the power of each frame of `samples` on the log-frequency axis, as `_kernels.cells_from_power` maps it.

    Scratch: `steps` [shape=(hop, LANES + n // hop)], of which the first gives the hop; `work` and `scratch`
    [shape=(n, LANES)].
    """
    n_frames, n_cells = out.shape
    n = window.shape[0]
    hop, n_steps = steps.shape
    for first in range(0, n_frames, LANES):
        lanes = min(LANES, n_frames - first)
        # Sample by sample, a step of `hop` samples each: the same sample of the next frame is then the next number.
        for m in range(n_steps):
            at = (first + m) * hop
            for r in range(hop):
                steps[r, m] = samples[at + r] if at + r < samples.shape[0] else np.float32(0.0)
        for i in range(n):
            store(work, i, window[i] * load(steps, i % hop, i // hop))
        spectrum = real_fft(work, turns, scratch)
        power = scratch if spectrum is work else work
        for k in range(n // 2 + 1):
            real = load(spectrum, max(0, 2 * k - 1), 0)
            square = real * real
            if 0 < k < n // 2:
                imaginary = load(spectrum, 2 * k, 0)
                square = square + imaginary * imaginary
            store(power, k, square)
        for b in range(n_cells):
            if high[b] < low[b]:
                cell = (np.float32(1.0) - weight[b]) * load(power, low[b] - 1, 0) + weight[b] * load(power, low[b], 0)
            else:
                cell = load(power, low[b], 0)
                for k in range(low[b] + 1, high[b] + 1):
                    cell = greater(load(power, k, 0), cell)
            store(spectrum, b, cell)
        for t in range(lanes):
            for b in range(n_cells):
                out[first + t, b] = spectrum[b, t]
