"""Inner loops of hypotheses, alignment and support: no validation, no allocation. Slow twins: `tests/naive.py`."""

import numpy as np
from numba import njit

from fingerprint._kernels import first_from
from fingerprint.kernel_cache import share_safely
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND

__all__ = [
    "best_run",
    "confirm",
    "distinct",
    "evidence_of",
    "fit_line",
    "grow",
    "likeliest_states",
    "ratio_of_vote",
    "run_of_blocks",
    "support",
    "trim",
]

share_safely(__name__)

TICKS_PER_SECOND = float(TIMES_PER_SECOND)
CELLS_PER_UNIT = 1.0 / BINS_PER_CELL

BLOCK_SECONDS = 0.5
FAINT_SOFTNESS = 6.0
CLEAR_SOFTNESS, CLEAR_ABSENT, CLEAR_SCALE = 60.0, -0.15, 0.87
DROP = 25.0
ABSENT = -0.05
EVIDENCE = np.interp(
    np.linspace(-1.0, 1.0, 41),
    [-1.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0],
    [-1.0, -1.0, -0.8, -0.6, 0.0, 0.9, 2.5, 4.0, 5.0, 5.5],
)
EVIDENCE_LEAST, EVIDENCE_MOST = -1.5, 6.0
LAG_SECONDS, LAG_OUTLIERS, LAG_GAIN = 0.008, 0.2, 7.5
FIRST_REACH_SECONDS = 4.0
REACH_SECONDS, SPREAD_CELLS = 0.06, 1.0
FIRST_TOLERANCE = 1.6
FIT_SECONDS, FIT_STEP = 1.0, 0.03
LEAST_SCORE = 4.0
CLEAR_SECONDS = 1.5
MIN_FURTHER_SECONDS, FURTHER = 3.0, 0.75
MAX_TURNS = 14
KNOWN = 8


@njit(cache=True, nogil=True)
def support(bounds, q_times, r_times, shifts, scales, weights, window, slack, jitter, max_shift, out):
    """Add up, for each vote, the weights of the votes of the same recording that lie on a line with it.

    Votes of one recording are consecutive, from `bounds[g]` to `bounds[g + 1]`, sorted by query time. Two votes agree
    if they are at most `window` s apart, shift pitch alike within `max_shift` cells, and the time in the recording
    between them agrees with their time scales within `slack` and `jitter`.
    """
    for g in range(bounds.shape[0] - 1):
        last = bounds[g + 1]
        for i in range(bounds[g], last):
            for j in range(i + 1, last):
                dq = q_times[j] - q_times[i]
                if dq > window:
                    break
                if dq < 0.05 or abs(shifts[j] - shifts[i]) > max_shift:
                    continue
                expected = dq * np.sqrt(scales[i] * scales[j])
                if abs(r_times[j] - r_times[i] - expected) <= slack * expected + jitter:
                    out[i] += weights[j]
                    out[j] += weights[i]


@njit(cache=True, nogil=True)
def distinct(order, step, recordings, q_times, r_times, shifts, scales, slack, jitter, max_shift, per_step, out):
    """Take votes in the given order, at most `per_step` of each step, and none on the line of one already taken."""
    count = 0
    first_of_step = 0
    for k in range(order.shape[0]):
        i = order[k]
        if k == 0 or step[i] != step[order[k - 1]]:
            first_of_step = count
        if count - first_of_step >= per_step:
            continue
        new = True
        for c in range(first_of_step, count):
            j = out[c]
            if recordings[i] != recordings[j] or abs(shifts[i] - shifts[j]) > max_shift:
                continue
            expected = (q_times[i] - q_times[j]) * scales[j]
            if abs(r_times[i] - r_times[j] - expected) <= slack * abs(expected) + jitter:
                new = False
                break
        if new:
            out[count] = i
            count += 1
    return count


@njit(cache=True, nogil=True)
def ratio_of_vote(
    vote, first, last, q_times, r_times, shifts, scales, weights, window, slack, jitter, max_shift, votes
):
    """Hough transform over the ratio of lines through one vote: the one that most of the agreeing weight allows.

    `votes` is scratch; its bins span +-slack round the vote's scale.
    """
    n_bins = votes.shape[0]
    votes[:] = 0.0
    scale = scales[vote]
    low = scale * (1.0 - slack)
    step = 2.0 * slack * scale / n_bins
    near = first_from(q_times[first:last], q_times[vote] - window - 0.01)  # votes of a recording ascend in time
    for j in range(first + near, last):
        dq = q_times[j] - q_times[vote]
        if dq > window:
            break
        if j == vote or abs(dq) > window or abs(dq) < 0.05 or abs(shifts[j] - shifts[vote]) > max_shift:
            continue
        dr = r_times[j] - r_times[vote]
        ratio = dr / dq
        reach = jitter / abs(dq)
        b0 = max(0, int(np.ceil((ratio - reach - low) / step - 0.5)))
        b1 = min(n_bins - 1, int(np.floor((ratio + reach - low) / step - 0.5)))
        for b in range(b0, b1 + 1):
            votes[b] += weights[j]
    best = 0.0
    total = 0.0
    moment = 0.0
    for b in range(n_bins):
        if votes[b] > best:
            best = votes[b]
    if best <= 0.0:
        return scale
    for b in range(n_bins):
        if votes[b] >= 0.9 * best:
            total += votes[b]
            moment += votes[b] * (low + (b + 0.5) * step)
    return moment / total


@njit(cache=True, nogil=True)
def evidence_of(similarity, lag):
    """Weigh a landmark met at this similarity, `lag` s from its place: log-likelihood ratio of same sound to chance.

    Both were measured on alignments of real music: right ones under the distortions of the benchmark, and the best
    wrong ones.
    """
    place = (similarity + 1.0) * (EVIDENCE.shape[0] - 1) / 2.0
    k = min(max(int(place), 0), EVIDENCE.shape[0] - 2)
    value = EVIDENCE[k] + (place - k) * (EVIDENCE[k + 1] - EVIDENCE[k])
    value += np.log(LAG_OUTLIERS + (1.0 - LAG_OUTLIERS) * LAG_GAIN * np.exp(-abs(lag) / LAG_SECONDS))
    return min(max(value, EVIDENCE_LEAST), EVIDENCE_MOST)


@njit(cache=True, nogil=True)
def confirm(
    q_times,
    q_bins,
    q_vectors,
    free,
    first,
    last,
    r_ticks,
    r_bins,
    r_codes,
    line,
    reach,
    spread,
    first_pair,
    known_pairs,
    known,
    rows,
    similarity,
    evidence,
):
    """Look for the landmark of the recording that each query landmark of [first, last) should meet under a hypothesis.

    `line` is (ratio, offset in s, pitch shift in cells): recording = query * ratio + offset. Of the recording's
    landmarks within `reach` s and `spread` cells the most similar counts; similarity is the correlation of the
    query's descriptor with the signs of the recording's. `rows` is -1 where there is none. Landmarks that are not
    `free` meet none, and weigh nothing.

    `known_pairs` and `known` [shape=(n, KNOWN)] keep similarities from call to call, as lines through one passage ask
    for the same ones: that of query landmark i and row j lies at [i, j % KNOWN], where `known_pairs` is `first_pair`
    + j. Another recording needs a `first_pair` far away, another time scale other arrays.
    """
    ratio, offset, shift = line[0], line[1], line[2]
    n = r_ticks.shape[0]
    norm = np.float32(1.0 / np.sqrt(q_vectors.shape[1]))
    low = -1
    for i in range(first, last):
        rows[i] = -1
        similarity[i] = np.float32(-1.0)
        if not free[i]:
            evidence[i] = 0.0
            continue
        at = q_times[i] * ratio + offset
        cell = q_bins[i] + shift
        from_ = (at - reach) * TICKS_PER_SECOND
        to = (at + reach) * TICKS_PER_SECOND
        if low < 0:
            low = first_from(r_ticks, max(from_, 0.0))
        while low < n and r_ticks[low] < from_:
            low += 1
        j = low
        while j < n and r_ticks[j] <= to:
            if abs(r_bins[j] * CELLS_PER_UNIT - cell) <= spread:
                place = j % KNOWN
                if known_pairs[i, place] == first_pair + j:
                    total = known[i, place]
                else:
                    total = np.float32(0.0)
                    vector = q_vectors[i]
                    for k in range(vector.shape[0]):
                        sign = np.int32(r_codes[j, k >> 3] >> (7 - (k & 7))) & np.int32(1)
                        total += vector[k] * np.float32(2 * sign - 1)
                    total *= norm
                    known_pairs[i, place] = first_pair + j
                    known[i, place] = total
                if total > similarity[i]:
                    similarity[i] = total
                    rows[i] = j
            j += 1
        if rows[i] < 0:
            evidence[i] = ABSENT
        else:
            evidence[i] = evidence_of(similarity[i], r_ticks[rows[i]] / TICKS_PER_SECOND - at)


@njit(cache=True, nogil=True)
def fit_line(q_times, q_bins, rows, evidence, r_ticks, r_bins, first, last, line):
    """Weighted least squares of recording time on query time, and the mean pitch shift, over confirmed landmarks.

    Writes into `line`. Landmarks that span less than `FIT_SECONDS` of the query do not tell a tempo; then only offset
    and shift are fitted.
    """
    w = sq = sr = sb = 0.0
    low = np.inf
    high = -np.inf
    for i in range(first, last):
        if rows[i] >= 0 and evidence[i] > 0:
            w += evidence[i]
            sq += evidence[i] * q_times[i]
            sr += evidence[i] * r_ticks[rows[i]] / TICKS_PER_SECOND
            sb += evidence[i] * (r_bins[rows[i]] * CELLS_PER_UNIT - q_bins[i])
            low = min(low, q_times[i])
            high = max(high, q_times[i])
    if w <= 0.0:
        return
    mq = sq / w
    mr = sr / w
    if high - low >= FIT_SECONDS:
        sqq = sqr = 0.0
        for i in range(first, last):
            if rows[i] >= 0 and evidence[i] > 0:
                d = q_times[i] - mq
                sqq += evidence[i] * d * d
                sqr += evidence[i] * d * (r_ticks[rows[i]] / TICKS_PER_SECOND - mr)
        # A refit corrects the slope; it does not invent another.
        line[0] = min(max(sqr / sqq, (1.0 - FIT_STEP) * line[0]), (1.0 + FIT_STEP) * line[0])
    line[1] = mr - line[0] * mq
    line[2] = sb / w


@njit(cache=True, nogil=True)
def best_run(q_times, evidence, first, last, blocks, run):
    """Find the best run as a faint source would show it and as a clear one would; the better counts.

    A faint source under other music has few landmarks met, in many blocks: absence says little, and one block cannot
    decide. A clear one, however short, has most of them met: absence speaks against it, and every landmark counts. The
    scores of the latter are scaled so that chance reaches both equally often. Writes as `run_of_blocks`.
    """
    run_of_blocks(q_times, evidence, first, last, 0.0, FAINT_SOFTNESS, blocks, run)
    score, a, b = run[0], run[1], run[2]
    run_of_blocks(q_times, evidence, first, last, CLEAR_ABSENT - ABSENT, CLEAR_SOFTNESS, blocks, run)
    run[0] *= CLEAR_SCALE
    if score >= run[0]:
        run[0] = score
        run[1] = a
        run[2] = b


@njit(cache=True, nogil=True)
def run_of_blocks(q_times, evidence, first, last, absent, softness, blocks, run):
    """Find the run of blocks with the highest score (Kadane), given up where it falls `DROP` below its own maximum.

    A block's evidence is summed, then compressed, `softness * log(1 + x / softness)` where positive: neighbouring
    landmarks see the same sound, so ten of them prove less than ten times as much as one. Writes (score, first
    landmark, last landmark + 1).
    """
    run[0] = 0.0
    run[1] = first
    run[2] = first
    if last <= first:
        return
    origin = int(q_times[first] / BLOCK_SECONDS)
    n_blocks = int(q_times[last - 1] / BLOCK_SECONDS) - origin + 1
    blocks[:n_blocks] = 0.0
    for i in range(first, last):
        blocks[int(q_times[i] / BLOCK_SECONDS) - origin] += evidence[i] + (absent if evidence[i] == ABSENT else 0.0)
    total = 0.0
    peak = 0.0
    start = 0
    best_start = 0
    best_end = 0
    for k in range(n_blocks):
        x = blocks[k]
        if x > 0.0:
            x = softness * np.log(1.0 + x / softness)
        total += x
        peak = max(peak, total)
        if total <= 0.0 or total < peak - DROP:
            total = 0.0
            peak = 0.0
            start = k + 1
        elif total > run[0]:
            run[0] = total
            best_start = start
            best_end = k + 1
    if run[0] <= 0.0:
        return
    a = last
    b = first
    for i in range(first, last):
        if best_start <= int(q_times[i] / BLOCK_SECONDS) - origin < best_end:
            a = min(a, i)
            b = max(b, i + 1)
    run[1] = a
    run[2] = b


@njit(cache=True, nogil=True)
def trim(evidence, a, b):
    """Return the ends of the run [a, b), moved inwards to where the sum of the evidence between them is largest."""
    total = best = -np.inf
    end = b
    for i in range(a, b):
        total = evidence[i] if i == a else total + evidence[i]
        if total > best:
            best = total
            end = i + 1
    best = -np.inf
    start = a
    for i in range(end - 1, a - 1, -1):
        total = evidence[i] if i == end - 1 else total + evidence[i]
        if total > best:
            best = total
            start = i
    return start, end


@njit(cache=True, nogil=True)
def grow(
    q_times,
    q_bins,
    q_vectors,
    log_scales,
    free,
    r_ticks,
    r_bins,
    r_codes,
    line,
    at,
    first_pair,
    known_pairs,
    known,
    rows,
    similarity,
    evidence,
    blocks,
    run,
):
    """Grow the passage round query time `at` along `line`: confirm, take the best run, fit the line, look further.

    Ends when the run keeps clear of the ends of the range searched, or after `MAX_TURNS`. Leaves line, run (score,
    first, last + 1), rows, similarity and evidence as found, by that line; a score of zero means that nothing speaks
    for the hypothesis.
    """
    n = q_times.shape[0]
    low = at - FIRST_REACH_SECONDS
    high = at + FIRST_REACH_SECONDS
    for turn in range(MAX_TURNS):
        first = first_from(q_times, low)
        last = first_from(q_times, high)
        scale = 0
        for s in range(log_scales.shape[0]):
            if abs(log_scales[s] - np.log(line[0])) < abs(log_scales[scale] - np.log(line[0])):
                scale = s
        reach = REACH_SECONDS if turn > 0 else FIRST_TOLERANCE * REACH_SECONDS
        spread = SPREAD_CELLS if turn > 0 else FIRST_TOLERANCE * SPREAD_CELLS
        confirm(
            q_times, q_bins, q_vectors[scale], free, first, last, r_ticks, r_bins, r_codes, line, reach, spread,
            first_pair, known_pairs[scale], known[scale], rows, similarity, evidence,
        )  # fmt: skip
        best_run(q_times, evidence, first, last, blocks, run)
        if run[0] <= (LEAST_SCORE if turn > 1 else 0.0):
            run[0] = 0.0
            return
        a = int(run[1])
        b = int(run[2])
        clear = (first == 0 or q_times[a] - low > CLEAR_SECONDS) and (
            last == n or high - q_times[b - 1] > CLEAR_SECONDS
        )
        if turn > 1 and (clear or turn == MAX_TURNS - 1):
            return
        fit_line(q_times, q_bins, rows, evidence, r_ticks, r_bins, a, b, line)
        further = max(MIN_FURTHER_SECONDS, FURTHER * (q_times[b - 1] - q_times[a]))
        low = q_times[a] - further
        high = q_times[b - 1] + further


@njit(cache=True, nogil=True)
def likeliest_states(met, weights, rates, on_costs, off_costs, level_cost, totals, came_from, states):
    """Find the likeliest states of a sequence of landmarks, each met or not (Viterbi, 1967).

    In state s a landmark is met with probability `rates[s]`; state 0 is off. The evidence of a landmark that is not met
    counts `weights[i]` times. Going from off to any other state before landmark i costs `on_costs[i]`, back
    `off_costs[i]`, from one of the others to another `level_cost`. `totals` [shape=(2, n_states)] and `came_from`
    [shape=(n, n_states)] are scratch; writes `states`.
    """
    n = met.shape[0]
    n_states = rates.shape[0]
    totals[:] = 0.0
    for i in range(n):
        now = i % 2
        for s in range(n_states):
            best = totals[1 - now, s]
            came_from[i, s] = s
            for other in range(n_states):
                if other == s or i == 0:
                    continue
                cost = level_cost
                if other == 0:
                    cost = on_costs[i]
                elif s == 0:
                    cost = off_costs[i]
                if totals[1 - now, other] - cost > best:
                    best = totals[1 - now, other] - cost
                    came_from[i, s] = other
            totals[now, s] = best + (np.log(rates[s]) if met[i] else weights[i] * np.log(1.0 - rates[s]))
    if n == 0:
        return
    state = 0
    for s in range(1, n_states):
        if totals[(n - 1) % 2, s] > totals[(n - 1) % 2, state]:
            state = s
    for i in range(n - 1, -1, -1):
        states[i] = state
        state = came_from[i, state]
