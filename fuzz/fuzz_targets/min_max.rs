#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Floats, Place, Placed, ends, same};
use zeropoint::reference;

#[derive(Arbitrary, Debug)]
struct Case {
    place: Place,
    x: Floats,
}

fuzz_target!(|case: Case| {
    let x = Placed::new(&case.x.values(1.0), case.place);
    let x = x.slice();
    same(|| ends(reference::min_max(x)), |tier| ends(tier.min_max(x)));
});
