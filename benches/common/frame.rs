//! How Criterion measures a family of operations.

use crate::common::bare::Loop;
use crate::common::{Call, FAMILIES, Family, Operation};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use std::hint::black_box;
use std::time::Duration;

/// The operations of the family `name`, each a group, at the sizes `sizes`.
pub(crate) fn family(criterion: &mut Criterion, name: &str, sizes: &[usize]) {
    let family = FAMILIES.iter().find(|family| family.name == name).expect("the name of a family");
    for operation in family.operations {
        let mut group = criterion.benchmark_group(operation.name);
        group
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(800))
            .sample_size(30);
        for &len in sizes {
            group.throughput(Throughput::ElementsAndBytes {
                elements: len as u64,
                bytes: (operation.bare.bytes)(len) as u64,
            });
            bare_loops(&mut group, operation, len);
            tiers(&mut group, family, operation, len);
        }
        group.finish();
    }
}

fn bare_loops(group: &mut BenchmarkGroup<'_, WallTime>, operation: &Operation, len: usize) {
    let ways = ["bare loop", "bare loop, streaming"];
    for (way, setup) in ways.into_iter().zip(operation.bare.loops(len)) {
        // Made only if it is chosen: a benchmark that a filter leaves out costs nothing.
        let mut bare: Option<Loop> = None;
        group.bench_function(BenchmarkId::new(way, len), |bencher| {
            let bare = bare.get_or_insert_with(|| setup(len));
            bencher.iter(bare);
        });
    }
}

fn tiers(
    group: &mut BenchmarkGroup<'_, WallTime>,
    family: &Family,
    operation: &Operation,
    len: usize,
) {
    let mut call: Option<Call> = None;
    for tier in family.tiers() {
        group.bench_function(BenchmarkId::new(tier.name(), len), |bencher| {
            let call = call.get_or_insert_with(|| (operation.setup)(len));
            bencher.iter(|| call(black_box(tier)));
        });
    }
}
