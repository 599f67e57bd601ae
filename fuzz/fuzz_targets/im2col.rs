//! Windows of images, against the formula.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Pattern, Place, Placed, Slip, code};
use zeropoint::image::{Border, Windows, im2col};
use zeropoint::{Code, Error};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    sizes: Sizes,
    zero_point: u8,
    place: Place,
    codes: Pattern<u8>,
}

/// Of the border, and of the windows: kernel, stride and dilation.
#[derive(Arbitrary, Debug)]
enum Sizes {
    Ordinary {
        border: [u8; 7],
        windows: [[u8; 2]; 3],
        slips: [Slip; 2],
    },
    /// Sizes that sums and products overflow with.
    Wild {
        input: u8,
        output: u8,
        border: [usize; 7],
        windows: [[usize; 2]; 3],
    },
}

fn windows(border: [usize; 7], [kernel, stride, dilation]: [[usize; 2]; 3]) -> Windows {
    let [height, width, channels, top, bottom, left, right] = border;
    Windows {
        border: Border { height, width, channels, top, bottom, left, right },
        kernel,
        stride,
        dilation,
    }
}

impl Sizes {
    /// The windows, and how many codes there are to read and to write.
    fn get(&self) -> (Windows, [usize; 2]) {
        match *self {
            Self::Ordinary { border, windows: sizes, slips } => {
                let sizes = sizes.map(|sizes| sizes.map(|size| usize::from(size % 5)));
                let windows = windows(border.map(|size| usize::from(size % 9)), sizes);
                let Border { height, width, channels, .. } = windows.border;
                let output = windows.shape().map_or(7, |shape| shape.iter().product());
                let lengths = [slips[0].of(height * width * channels), slips[1].of(output)];
                (windows, lengths)
            }
            Self::Wild { input, output, border, windows: sizes } => {
                (windows(border, sizes), [input.into(), output.into()])
            }
        }
    }
}

/// The formula: what stands at a place of a window.
fn of_window<Q: Code>(
    image: &[Q],
    windows: Windows,
    [y, x]: [usize; 2],
    [channel, i, j]: [usize; 3],
    zero_point: Q,
) -> Q {
    let Windows { border, stride, dilation, .. } = windows;
    let row = (y * stride[0] + i * dilation[0]).checked_sub(border.top);
    let column = (x * stride[1] + j * dilation[1]).checked_sub(border.left);
    match (row, column) {
        (Some(row), Some(column)) if row < border.height && column < border.width => {
            image[(channel * border.height + row) * border.width + column]
        }
        _ => zero_point,
    }
}

fn check<Q: Code>(case: &Case) {
    let (windows, [input, output]) = case.sizes.get();
    let image = case.codes.elements(input, code::<Q>);
    let image = Placed::new(&image, case.place);
    let zero_point = code(case.zero_point);
    let before = code(!case.zero_point);
    let mut out = vec![before; output];
    let result = im2col(image.slice(), windows, zero_point, &mut out);
    let shape = windows.shape();
    match (result, shape) {
        (Ok(()), Ok([_, out_width, depth])) => {
            let [kernel_height, kernel_width] = windows.kernel;
            for (at, &found) in out.iter().enumerate() {
                let (window, at) = (at / depth, at % depth);
                let place = [window / out_width, window % out_width];
                let channel = at / kernel_width / kernel_height;
                let within = [channel, at / kernel_width % kernel_height, at % kernel_width];
                let expected = of_window(image.slice(), windows, place, within, zero_point);
                assert_eq!(found, expected, "{windows:?}: {within:?} of window {window}");
            }
            return;
        }
        (Err(error), Ok(shape)) => {
            assert!(matches!(error, Error::Shape { .. }), "{error}");
            let Border { height, width, channels, .. } = windows.border;
            let product = |sizes: [usize; 3]| {
                let sizes = sizes.into_iter().map(|size| size as u128);
                sizes.fold(1, u128::saturating_mul)
            };
            let fits = [[height, width, channels], shape].map(product);
            assert_ne!(fits, [input as u128, output as u128]);
        }
        (found, shape) => assert_eq!(found.err(), shape.err()),
    }
    assert!(out.iter().all(|&out| out == before));
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
