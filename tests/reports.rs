//! What use of the crate has shown to be wrong once: the input as it was reported, and what is right.

mod calibrate {
    use zeropoint::calibrate::{ChannelObservers, Method, Observer};
    use zeropoint::{Error, Range, Scheme, Tier, quantization_fidelity};

    fn observed(method: &str, x: &[f32]) -> Observer {
        let mut observer = Observer::new(method.parse().unwrap()).unwrap();
        observer.observe(x);
        observer
    }

    fn range(method: &str, x: &[f32]) -> Range {
        observed(method, x).range(Scheme::<u8>::affine()).unwrap()
    }

    /// Numbers with about a normal distribution.
    fn normal(n: usize) -> impl Iterator<Item = f32> {
        let mut state = 7_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        (0..n).map(move |_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0)
    }

    fn sqnr(method: &str, x: &[f32]) -> f64 {
        let params = observed(method, x).params(Scheme::<u8>::affine());
        quantization_fidelity(x, params.unwrap()).sqnr_db()
    }

    #[test]
    fn entropy_of_data_away_from_0_does_not_collapse() {
        let x = [1.0, 4.5, 8.0];
        assert_eq!(range("entropy", &x), Range::new(1.0, 8.0));
        for n in [100, 300, 1000, 10_000] {
            for (mean, deviation) in [(10.0, 1.0), (1.0, 0.05), (-10.0, 1.0), (5.5e-6, 1.5e-6)] {
                let all: Vec<f32> = normal(20 * n).map(|x| mean + deviation * x).collect();
                for x in all.chunks(n) {
                    let [found, of_all] = ["entropy", "min-max"].map(|method| sqnr(method, x));
                    assert!(
                        found > of_all - 20.0,
                        "{n}, {mean}: {found} dB, not {of_all}"
                    );
                }
            }
        }
    }

    #[test]
    fn percentiles_of_many_numbers_are_robust() {
        for n in [65_526, 65_527, 200_000] {
            let mut x: Vec<f32> = normal(n).collect();
            let inner = range("percentile=99.9", &x);
            for outlier in [f32::MIN, -1e9, -1e4] {
                x.truncate(n);
                x.extend([outlier; 10]);
                for method in ["percentile=99.9", "absolute-percentile=99.9"] {
                    let found = range(method, &x);
                    let near = |a: f32, b: f32| (a - b).abs() < 0.35;
                    assert!(
                        near(found.min, inner.min) && near(found.max, inner.max),
                        "{method}, {n}, {outlier}: {found:?}, not {inner:?}"
                    );
                }
            }
        }
    }

    /// What does not weigh squares looks where the numbers are; the bins must be there.
    #[test]
    fn an_outlier_costs_no_resolution() {
        let mut x: Vec<f32> = normal(100_000).collect();
        let scheme = Scheme::<i8>::symmetric();
        let of = |method: &str, x: &[f32]| observed(method, x).range(scheme).unwrap();
        let without = of("entropy", &x);
        x.push(-1e9);
        let with = of("entropy", &x);
        assert!(with.max < 2.0 * without.max, "{with:?}, {without:?}");
        assert!(with.min > 2.0 * without.min, "{with:?}, {without:?}");
        // Masks are exact where they are at an end, and nothing else weighs as much.
        for mask in [-1e9, 1e9] {
            let masked: Vec<f32> = normal(100_000).flat_map(|x| [x, mask]).collect();
            let [found, of_all] = ["mse", "min-max"].map(|method| sqnr(method, &masked));
            assert!(found > of_all - 0.1, "{found} dB, not {of_all}");
        }
    }

    #[test]
    fn masks_can_be_left_out() {
        let bounds = Range::new(-1e3, f32::INFINITY);
        let empty = || Observer::new(Method::MinMax).unwrap();
        let mut observer = empty().within(bounds).unwrap();
        for tier in Tier::available() {
            observer.reset();
            observer.observe_on(tier, &[1.0, f32::MIN, -1e4, f32::NAN, -3.0, 1e30]);
            observer.observe_on(tier, &[f32::NEG_INFINITY, -1e3, -1000.1]);
            let range = observer.range(Scheme::<u8>::affine());
            assert_eq!(range, Some(Range::new(-1e3, 1e30)), "{tier}");
            let tally = observer.tally();
            assert_eq!((tally.finite, tally.below, tally.above), (4, 3, 0));
            assert_eq!(
                (tally.nan, tally.negative_infinity, tally.left_out()),
                (1, 1, 5)
            );
        }
        assert_eq!(observer.bounds(), Some(bounds));
        // The bounds themselves are within.
        let mut both = empty().within(Range::new(-2.0, 2.0)).unwrap();
        both.observe(&[-2.5, -2.0, 2.0, 2.5, 0.0]);
        let range = both.range(Scheme::<u8>::affine());
        assert_eq!(range, Some(Range::new(-2.0, 2.0)));
        let tally = both.tally();
        assert_eq!((tally.finite, tally.below, tally.above), (3, 1, 1));
        // Only with what has the same bounds.
        let error = observer.merge(&empty()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "an observer with the bounds [-1e3, inf] can't take in one with no bounds"
        );
        let mut other = empty().within(bounds).unwrap();
        other.observe(&[2e30, -2e3]);
        observer.merge(&other).unwrap();
        assert_eq!((observer.tally().finite, observer.tally().below), (5, 4));
        for (min, max) in [(1.0, 0.0), (f32::NAN, 1.0), (0.0, f32::NAN)] {
            let error = empty().within(Range::new(min, max)).unwrap_err();
            assert!(matches!(error, Error::Range { .. }));
        }

        // By every method, few numbers and many, and for each channel.
        let bounds = Range::new(-8.0, 7.5);
        for method in Method::ALL {
            for n in [1000, 30_000, 70_000] {
                let x: Vec<f32> = normal(n).collect();
                let scheme = Scheme::<i8>::symmetric();
                let mut plain = Observer::new(method).unwrap();
                plain.observe(&x);
                let masked: Vec<f32> = x.iter().flat_map(|&x| [x, 8.0, -1e9]).collect();
                let mut bounded = Observer::new(method).unwrap().within(bounds).unwrap();
                bounded.observe(&masked);
                let tally = bounded.tally();
                assert_eq!((tally.below, tally.above), (n as u64, n as u64), "{method}");
                let observers = ChannelObservers::new(method, 2).unwrap();
                let mut observers = observers.within(bounds).unwrap();
                let both: Vec<f32> = masked.iter().flat_map(|&x| [x, -0.5 * x]).collect();
                observers.observe(&both, 1).unwrap();
                let [first, second] = observers.channels() else {
                    panic!("two channels")
                };
                assert_eq!(first.range(scheme), bounded.range(scheme), "{method}, {n}");
                assert_eq!((second.tally().below, second.tally().above), (0, n as u64));
                // Sums depend on where chunks begin.
                if !matches!(method, Method::Deviations { .. } | Method::Gauss) {
                    assert_eq!(bounded.range(scheme), plain.range(scheme), "{method}, {n}");
                }
            }
        }
    }

    #[test]
    fn least_squared_error_is_never_above_that_of_all() {
        let bytes = include_bytes!("../examples/data/minilm-sample.safetensors");
        let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let mut names = Vec::new();
        for (name, tensor) in file.tensors() {
            let bytes = tensor.data().chunks_exact(4);
            let x: Vec<f32> = bytes
                .map(|x| f32::from_le_bytes(x.try_into().unwrap()))
                .take(65_536)
                .collect();
            let mut observer = Observer::new(Method::MeanSquaredError).unwrap();
            observer.observe(&x);
            let mut whole = Observer::new(Method::MinMax).unwrap();
            whole.observe(&x);
            macro_rules! check {
                ($($scheme:expr),*) => {$(
                    let scheme = $scheme;
                    if let (Ok(found), Ok(all)) = (observer.params(scheme), whole.params(scheme)) {
                        let of = |params| quantization_fidelity(&x, params).sqnr_db();
                        assert!(of(found) >= of(all), "{name}, {scheme:?}");
                    }
                )*};
            }
            check!(
                Scheme::<i8>::symmetric(),
                Scheme::<u8>::affine(),
                Scheme::<u8>::symmetric(),
                Scheme::<i8>::symmetric().with_codes(-7..=7).unwrap()
            );
            names.push(name);
        }
        assert!(names.iter().any(|name| name.ends_with("LayerNorm.bias")));
    }

    #[test]
    fn moving_averages_are_not_inverted() {
        let method = "moving-average=1";
        let mut observer = observed(method, &[1.0, 1e30]);
        observer.observe(&[7.0, 7.0]);
        let scheme = Scheme::<u8>::affine();
        assert_eq!(observer.range(scheme), Some(Range::new(7.0, 7.0)));
        // Merged with nothing: exactly what there is.
        let mut empty = observed(method, &[]);
        empty.merge(&observer).unwrap();
        assert_eq!(empty.range(scheme), observer.range(scheme));
        empty.merge(&observed(method, &[])).unwrap();
        assert_eq!(empty.range(scheme), observer.range(scheme));
        for momentum in ["1", "0.999999999", "0.5", "0.1", "1e-9"] {
            let mut observer = observed(&format!("moving-average={momentum}"), &[]);
            for [min, max] in [
                [-1e30, 1e30],
                [3.0, 3.0],
                [0.1, 0.1],
                [-1e-30, 1e38],
                [-5.0, -5.0],
            ] {
                observer.observe(&[max, min]);
                let Range { min, max } = observer.range(scheme).unwrap();
                assert!(min <= max, "{momentum}");
                assert!(observer.params(scheme).is_ok());
            }
        }
    }

    #[test]
    fn too_many_channels_are_an_error() {
        for method in Method::ALL {
            for channels in [usize::MAX, usize::MAX / 64, isize::MAX as usize / 100] {
                let error = ChannelObservers::new(method, channels).unwrap_err();
                assert!(matches!(error, Error::Buffer { .. }), "{method}");
            }
        }
    }

    /// A process that may use 256 MiB: observers of many channels, and what these keep.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn without_memory_observers_are_an_error() {
        use std::process::Command;
        const CHILD: &str = "ZEROPOINT_TEST_WITH_LITTLE_MEMORY";
        if std::env::var_os(CHILD).is_some() {
            return with_little_memory();
        }
        let name = "calibrate::without_memory_observers_are_an_error";
        let output = Command::new("sh")
            .args(["-c", "ulimit -v 262144 && exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads", "1"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{errors}");
        assert!(text.contains("1 passed"), "{text}{errors}");
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn with_little_memory() {
        let is_buffer = |error: Error| matches!(error, Error::Buffer { .. });
        for method in Method::ALL {
            assert!(is_buffer(
                ChannelObservers::new(method, 4_000_000).unwrap_err()
            ));
        }
        // There is room for these, but not for all that they are shown.
        let mut observers = ChannelObservers::new(Method::Entropy, 100_000).unwrap();
        let x: Vec<f32> = (0..1_000_000).map(|i| i as f32).collect();
        let error = (0..100).find_map(|_| observers.observe(&x, 1).err());
        assert!(is_buffer(error.unwrap()));
        observers.reset();
        // Nor for histograms: of numbers in all octaves.
        let mut histograms = ChannelObservers::new(Method::Laplace, 400).unwrap();
        let every = |i: u32| f32::from_bits(i.wrapping_mul(0x9e37_79b9) & 0xbfff_ffff);
        let x: Vec<f32> = (0..4_000_000).map(every).collect();
        let error = (0..10).find_map(|_| histograms.observe(&x, 10_000).err());
        assert!(is_buffer(error.unwrap()));
    }

    /// Tables of counts are on the heap.
    #[test]
    fn a_small_stack_is_enough() {
        let body = || {
            let x: Vec<f32> = normal(70_000).chain([f32::NAN]).collect();
            for method in Method::ALL {
                let mut observer = Observer::new(method).unwrap();
                observer.observe(&x);
                let other = observer.clone();
                observer.merge(&other).unwrap();
                let _ = observer.params(Scheme::<u8>::affine()).unwrap();
                let mut observers = ChannelObservers::new(method, 2).unwrap();
                observers.observe(&x[..70_000], 1).unwrap();
            }
        };
        let thread = std::thread::Builder::new().stack_size(48 << 10);
        thread.spawn(body).unwrap().join().unwrap();
    }
}
