//! What things cost. Most tills ring up the same few prices all day, which is what makes matching
//! hard: in a busy shop the amount alone says little.

use crate::random::Random;

/// Prices on the shelf, in pence, those that sell best first.
const SHELF: [i64; 36] = [
    350, 299, 450, 199, 500, 275, 399, 120, 600, 250, 325, 150, 499, 700, 185, 799, 425, 1000, 99,
    550, 895, 650, 220, 375, 1200, 999, 85, 750, 1499, 1099, 1500, 2000, 1999, 2499, 3000, 4999,
];

/// The amount of one purchase, in pence; more than zero.
pub(crate) fn draw(random: &mut Random) -> i64 {
    match random.below(100) {
        0..50 => from_the_shelf(random),
        50..75 => basket(random),
        75..96 => random.between(80, 3_000),
        _ => random.between(3_000, 25_000),
    }
}

fn from_the_shelf(random: &mut Random) -> i64 {
    let place = random.rather_small(SHELF.len() as u64);
    SHELF[place as usize]
}

fn basket(random: &mut Random) -> i64 {
    let things = random.between(2, 4);
    (0..things).map(|_| from_the_shelf(random)).sum()
}
