//! Matrix products of codes, the right side packed before. A size is that of the right side and of
//! the left side's rows, `k = n`.

use crate::buffers::{random, zeros};
use crate::{Contest, Entrant, OURS, entrant};
use bytemuck::Pod;
use numkong::{Dots, PackedMatrix, Tensor};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, QuantParams};
use rten_tensor::NdTensorView;
use std::hint::black_box;
use zeropoint::gemm::Weights;
use zeropoint::{Code8, Tier};

pub(crate) const CONTESTS: &[Contest] = &[
    contest::<1>("matrix product 1×n×n", &[768, 2048, 4096]),
    contest::<4>("matrix product 4×n×n", &[64, 768]),
    contest::<16>("matrix product 16×n×n", &[128, 768]),
    contest::<64>("matrix product 64×n×n", &[768, 2048]),
    contest::<128>("matrix product 128×n×n", &[4096]),
    contest::<256>("matrix product 256×n×n", &[1024]),
];

const fn contest<const M: usize>(name: &'static str, sizes: &'static [usize]) -> Contest {
    Contest {
        name,
        unit: "MAC",
        sizes,
        entrants: |n| product(M, n),
        work: |n| M * n * n,
    }
}

/// All pairs of types that a peer has.
fn product(m: usize, n: usize) -> Vec<Entrant> {
    vec![
        ours::<u8, i8>(m, n, "u8·i8, two zero points"),
        rten(m, n),
        ours::<i8, i8>(m, n, "i8·i8, two zero points"),
        numkong::<i8>(m, n, "i8·i8, no zero points"),
        ours::<u8, u8>(m, n, "u8·u8, two zero points"),
        numkong::<u8>(m, n, "u8·u8, no zero points"),
    ]
}

fn ours<A: Code8 + Pod + Default, B: Code8 + Pod + Default>(
    m: usize,
    n: usize,
    note: &'static str,
) -> Entrant {
    let (a, b) = (random::<A>(m * n), random::<B>(n * n));
    let packed = Weights::new(&b, n, n).pack(Tier::best());
    let packed = packed.expect("a matrix");
    let mut out = zeros(m * n);
    entrant(OURS, note, move || {
        packed
            .multiply(black_box(&a[..]), a[0], b[0], &mut out[..])
            .expect("matrices that fit");
        black_box(&mut out);
    })
}

fn rten(m: usize, n: usize) -> Entrant {
    let gemm = GemmExecutor::<u8, i8, i32>::new();
    let note = if gemm.may_saturate() {
        "u8·i8, two zero points; SATURATES on this CPU"
    } else {
        "u8·i8, two zero points"
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

fn numkong<T: Dots + Pod + Default>(m: usize, n: usize, note: &'static str) -> Entrant {
    let a = Tensor::<T>::from_slice(&random::<T>(m * n), &[m, n]);
    let b = Tensor::<T>::from_slice(&random::<T>(n * n), &[n, n]);
    let packed = PackedMatrix::try_pack(&b).expect("a matrix");
    let mut out = Tensor::<T::Accumulator>::try_zeros(&[m, n]).expect("a small matrix");
    entrant("numkong", note, move || {
        a.try_dots_packed_into(&packed, &mut out)
            .expect("matrices that fit");
        black_box(&mut out);
    })
}
