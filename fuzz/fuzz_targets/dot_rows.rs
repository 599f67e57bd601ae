#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Matrix, code, same_output};
use zeropoint::{Code8, ZeroPoints, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: [bool; 2],
    matrix: Matrix,
}

fn check<A: Code8, B: Code8>(matrix: &Matrix) {
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
            |out| reference::dot_rows(query, zq, rows, zr, out),
            |tier, out| tier.dot_rows(query, zq, rows, zr, out),
        );
        let Some((whole, rows)) = &apart else { continue };
        same_output(
            matrix.rows(),
            matrix.out,
            |out| {
                rows.check("rows", [out.len(), query.len()])?;
                reference::dot_rows(query, zq, whole, zr, out)
            },
            |tier, out| tier.dot_rows(query, zq, rows.rows(), zr, out),
        );
    }
}

fuzz_target!(|case: Case| by_types!(case.signed, check(&case.matrix)));
