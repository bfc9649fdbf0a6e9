//! Random numbers that are a function of where they stand (seed, column, row), so that any row can
//! be made without those before it.

/// The random number at `index` of stream `stream` of `seed`: splitmix64's mixer
/// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators") over all three.
pub(crate) fn random(seed: u64, stream: u64, index: u64) -> u64 {
    mix(mix(mix(seed).wrapping_add(stream)).wrapping_add(index))
}

/// `number` in `0..below`, evenly but for a bias of at most `below / 2^64`.
pub(crate) fn below(number: u64, below: u64) -> u64 {
    ((u128::from(number) * u128::from(below)) >> 64) as u64
}

/// `number` in `0.0..1.0`.
pub(crate) fn fraction(number: u64) -> f64 {
    (number >> 11) as f64 / (1u64 << 53) as f64
}

fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
