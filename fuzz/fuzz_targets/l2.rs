//! Squared distances of two vectors, and of a vector and rows.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Matrix, Pair, code, same, same_output};
use zeropoint::{Code8, ZeroPoints, reference};

#[derive(Arbitrary, Debug)]
enum Case {
    Pair([bool; 2], Pair),
    Rows([bool; 2], Matrix),
}

fn check_pair<A: Code8, B: Code8>(pair: &Pair) {
    let [za, zb] = pair.zero_points;
    let (za, zb) = (code(za), code(zb));
    let (a, b) = pair.vectors::<A, B>();
    let (a, b) = (a.slice(), b.slice());
    same(|| reference::l2_squared(a, za, b, zb), |tier| tier.l2_squared(a, za, b, zb));
}

fn check_rows<A: Code8, B: Code8>(matrix: &Matrix) {
    let (query, rows) = matrix.vectors::<A, B>();
    let (query, rows) = (query.slice(), rows.slice());
    let apart = matrix.apart::<B>(query.len());
    let zq = code(matrix.query_zero_point);
    let each = matrix.zero_points::<B>();
    let same = each.first().copied().unwrap_or(code(0));
    for zr in [ZeroPoints::Same(same), ZeroPoints::Each(&each)] {
        same_output(
            matrix.rows(),
            matrix.out,
            |out| reference::l2_rows(query, zq, rows, zr, out),
            |tier, out| tier.l2_rows(query, zq, rows, zr, out),
        );
        let Some((whole, rows)) = &apart else { continue };
        same_output(
            matrix.rows(),
            matrix.out,
            |out| {
                rows.check("rows", [out.len(), query.len()])?;
                reference::l2_rows(query, zq, whole, zr, out)
            },
            |tier, out| tier.l2_rows(query, zq, rows.rows(), zr, out),
        );
    }
}

fuzz_target!(|case: Case| match case {
    Case::Pair(signed, pair) => by_types!(signed, check_pair(&pair)),
    Case::Rows(signed, matrix) => by_types!(signed, check_rows(&matrix)),
});
