//! Matrix products of codes, the right side packed before. A size is that of the right side and of
//! the left side's rows, `k = n`.

use crate::buffers::{random, zeros};
use crate::{Contest, Entrant, entrant};
use numkong::{PackedMatrix, Tensor};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, QuantParams};
use rten_tensor::NdTensorView;
use std::hint::black_box;

pub(crate) const CONTESTS: &[Contest] = &[
    contest("matrix product 1×n×n", |n| product(1, n), |n| n * n),
    contest("matrix product 64×n×n", |n| product(64, n), |n| 64 * n * n),
];

const SIZES: &[usize] = &[768, 2048];

const fn contest(
    name: &'static str,
    entrants: fn(usize) -> Vec<Entrant>,
    work: fn(usize) -> usize,
) -> Contest {
    Contest {
        name,
        unit: "MAC",
        sizes: SIZES,
        entrants,
        work,
    }
}

fn product(m: usize, n: usize) -> Vec<Entrant> {
    vec![rten(m, n), numkong(m, n)]
}

fn rten(m: usize, n: usize) -> Entrant {
    let gemm = GemmExecutor::<u8, i8, i32>::new();
    let note = if gemm.may_saturate() {
        "u8·i8 only, with zero points; SATURATES on this CPU"
    } else {
        "u8·i8 only, with zero points"
    };
    let (a, b) = (random::<u8>(m * n), random::<i8>(n * n));
    let packed = gemm.prepack_b(NdTensorView::from_data([n, n], &*b));
    let (a_zeros, b_zeros) = (vec![3; m], vec![5; n]);
    let mut out = zeros(m * n);
    entrant("rten-gemm", note, move || {
        let options = GemmOptions {
            a_quant: Some(QuantParams {
                zero_point: &a_zeros,
            }),
            b_quant: Some(QuantParams {
                zero_point: &b_zeros,
            }),
            ..GemmOptions::default()
        };
        let a = GemmInputA::Unpacked(NdTensorView::from_data([m, n], &*a));
        gemm.gemm(&mut out, a, GemmInputB::Packed(&packed), options)
            .expect("matrices that fit");
        black_box(&mut out);
    })
}

fn numkong(m: usize, n: usize) -> Entrant {
    let a = Tensor::<i8>::from_slice(&random::<i8>(m * n), &[m, n]);
    let b = Tensor::<i8>::from_slice(&random::<i8>(n * n), &[n, n]);
    let packed = PackedMatrix::try_pack(&b).expect("a matrix");
    let mut out = Tensor::<i32>::try_zeros(&[m, n]).expect("a small matrix");
    entrant("numkong", "i8·i8, no zero points", move || {
        a.try_dots_packed_into(&packed, &mut out)
            .expect("matrices that fit");
        black_box(&mut out);
    })
}
