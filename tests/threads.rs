//! Many threads at once: the first use of all, when instruction sets are detected, and calls.
//!
//! There is one test here, so that nothing in this process has used the crate before it.

mod common;

use common::{bits, code, values};
use std::sync::Barrier;
use std::thread;
use zeropoint::{QuantParams, Scheme, Tier, reference};

const THREADS: usize = 32;

#[test]
fn use_it_for_the_first_time_and_after() {
    let barrier = Barrier::new(THREADS);
    let first_use = |i: usize| {
        barrier.wait();
        // By half of them in a call, by half as a question.
        if i.is_multiple_of(2) {
            assert_eq!(zeropoint::search::sum(&[i as u8; 300]), i as i64 * 300);
        }
        Tier::best()
    };
    let best: Vec<_> = thread::scope(|scope| {
        let first_use = &first_use;
        let threads: Vec<_> = (0..THREADS).map(|i| scope.spawn(move || first_use(i))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(best.iter().all(|&tier| tier == Tier::best()));

    // Tiers by turns, parts of one tensor: as if one thread had done all of it.
    let x: Vec<_> = values(100_003).iter().map(|x| x.clamp(-1e3, 1e3)).collect();
    let (mut expected, mut codes) = (vec![0; x.len()], vec![0; x.len()]);
    let params = reference::quantize_dynamic(&x, Scheme::<u8>::affine(), &mut expected).unwrap();
    let signed: Vec<i8> = expected.iter().map(|&q| code(q)).collect();
    let (mut expected_y, mut y) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    reference::dequantize(&expected, params, &mut expected_y).unwrap();
    let expected_dot = reference::dot(&expected, 3, &signed, -7).unwrap();
    let tiers: Vec<_> = Tier::available().collect();
    for threads in [1, 2, 7, THREADS] {
        let part = x.len().div_ceil(threads);
        let work = |i: usize, codes: &mut [u8], y: &mut [f32]| {
            let tier = tiers[i % tiers.len()];
            let at = i * part..i * part + codes.len();
            tier.quantize(&x[at.clone()], params, codes).unwrap();
            tier.dequantize(codes, params, y).unwrap();
            tier.dot(codes, 3, &signed[at], -7).unwrap()
        };
        let parts = codes.chunks_mut(part).zip(y.chunks_mut(part)).enumerate();
        let dot: i64 = thread::scope(|scope| {
            let work = &work;
            let running: Vec<_> =
                parts.map(|(i, (codes, y))| scope.spawn(move || work(i, codes, y))).collect();
            running.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(codes, expected, "{threads} threads");
        assert_eq!(bits(&y), bits(&expected_y), "{threads} threads");
        assert_eq!(dot, expected_dot, "{threads} threads");
        codes.fill(1);
        y.fill(1.0);
    }

    // All at once on the same input.
    let params_of_all: Vec<QuantParams<u8>> = thread::scope(|scope| {
        let choose = || {
            let mut codes = vec![0; x.len()];
            let params = zeropoint::quantize_dynamic(&x, Scheme::affine(), &mut codes).unwrap();
            assert!(codes == expected);
            params
        };
        let running: Vec<_> = (0..THREADS).map(|_| scope.spawn(choose)).collect();
        running.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(params_of_all.iter().all(|&found| found == params));
}
