//! How much memory a piece of work needs at its peak, counted by the allocator of the process.
//!
//! The count is of the whole process: whoever asks must be the only one at work.

use peak_alloc::PeakAlloc;

#[global_allocator]
static COUNTED: PeakAlloc = PeakAlloc;

/// What reading may need beside twice its input: the first look into a file, whose buffer doubles up
/// to 64 KiB (so that 96 KiB are in use for a moment where a file has a little more than 32); the
/// names of a header's columns, of which there may be 512; the words of one reject.
pub const FLOOR_BYTES: usize = 64 * 1024;

/// How many bytes `work` had allocated at its peak, above what was allocated before it.
pub fn peak_of(work: impl FnOnce()) -> usize {
    COUNTED.reset_peak_usage();
    let before = COUNTED.current_usage();
    work();
    COUNTED.peak_usage().saturating_sub(before)
}

/// Asserts that `work` on an input of so many bytes stays below twice that and the floor.
pub fn assert_lean(what: &str, input_bytes: usize, work: impl FnOnce()) {
    let peak = peak_of(work);
    let limit = 2 * input_bytes + FLOOR_BYTES;
    assert!(
        peak <= limit,
        "{what}: {peak} bytes for an input of {input_bytes}, and {limit} are the limit"
    );
}
