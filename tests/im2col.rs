//! Convolutions through im2col, against loops over every pixel of every filter.

use proptest::prelude::*;
use zeropoint::gemm::Weights;
use zeropoint::image::{Border, Windows, im2col};
use zeropoint::{Error, Tier};

/// `[out_h, out_w, filters]`; what lies outside the image is left out.
fn convolved(
    (image, z): (&[i8], i8),
    (filters, zf): (&[u8], u8),
    windows: Windows,
    [out_height, out_width, depth]: [usize; 3],
) -> Vec<i32> {
    let Windows { border, kernel: [kernel_height, kernel_width], stride, dilation } = windows;
    let mut out = Vec::new();
    for y in 0..out_height {
        for x in 0..out_width {
            for filter in filters.chunks_exact(depth) {
                let mut sum = 0;
                for channel in 0..border.channels {
                    for i in 0..kernel_height {
                        for j in 0..kernel_width {
                            let row = (y * stride[0] + i * dilation[0]).checked_sub(border.top);
                            let column = (x * stride[1] + j * dilation[1]).checked_sub(border.left);
                            let Some(row) = row.filter(|&row| row < border.height) else {
                                continue;
                            };
                            let Some(column) = column.filter(|&column| column < border.width)
                            else {
                                continue;
                            };
                            let pixel = (channel * border.height + row) * border.width + column;
                            let weight = (channel * kernel_height + i) * kernel_width + j;
                            sum += (i32::from(image[pixel]) - i32::from(z))
                                * (i32::from(filter[weight]) - i32::from(zf));
                        }
                    }
                }
                out.push(sum);
            }
        }
    }
    out
}

fn check(windows: Windows, zero_points: (i8, u8), filters: usize) {
    let Border { height, width, channels, .. } = windows.border;
    let Ok(shape) = windows.shape() else {
        return;
    };
    let [out_height, out_width, depth] = shape;
    let (z, zf) = zero_points;
    let codes = |n| (0..n).map(|i: usize| (i * 7919 + i * i % 509) as u8);
    let image: Vec<_> = codes(channels * height * width).map(|code| code as i8).collect();
    let filters: Vec<_> = codes(filters * depth).collect();

    let mut rows = vec![z.wrapping_add(1); out_height * out_width * depth];
    im2col(&image, windows, z, &mut rows).unwrap();
    for tier in Tier::available() {
        let n = filters.len() / depth;
        let packed = Weights::transposed(&filters, depth, n).pack(tier).unwrap();
        let mut out = vec![7; out_height * out_width * n];
        packed.multiply(&rows, z, zf, &mut out).unwrap();
        let expected = convolved((&image, z), (&filters, zf), windows, shape);
        assert_eq!(out, expected, "{tier}: {windows:?}");
    }
}

proptest! {
    #[test]
    fn any_convolution(
        [height, width] in [0_usize..9, 0_usize..9],
        [top, bottom, left, right] in [0_usize..4, 0_usize..4, 0_usize..4, 0_usize..4],
        [channels, filters] in [1_usize..4, 1_usize..4],
        kernel in [1_usize..5, 1_usize..5],
        stride in [1_usize..5, 1_usize..5],
        dilation in [1_usize..4, 1_usize..4],
        zero_points in any::<(i8, u8)>(),
    ) {
        let border = Border { height, width, channels, top, bottom, left, right };
        check(Windows { border, kernel, stride, dilation }, zero_points, filters);
    }
}

/// Every stride and dilation at every border, of an image that is not square.
#[test]
fn every_stride_dilation_and_border() {
    for size in 0..4 * 3 * 4 * 4 {
        let [stride, dilation, before, after] =
            [size % 4 + 1, size / 4 % 3 + 1, size / 12 % 4, size / 48];
        let border = Border {
            height: 7,
            width: 6,
            channels: 2,
            top: before,
            bottom: after,
            left: after,
            right: before,
        };
        let windows = Windows {
            border,
            kernel: [3, 2],
            stride: [stride, 5 - stride],
            dilation: [dilation, 4 - dilation],
        };
        check(windows, (-3, 130), 2);
    }
}

#[test]
fn windows_that_do_not_fit() {
    let border = Border { height: 4, width: 6, channels: 2, left: 1, ..Border::default() };
    let fits = Windows::new(border, [4, 7]);
    assert_eq!(fits.shape(), Ok([1, 1, 56]));
    for (windows, expected) in [
        (Windows::new(border, [5, 1]), [5, 1, 1, 4]),
        (Windows::new(border, [1, 8]), [8, 1, 1, 7]),
        (Windows::new(border, [0, 1]), [0, 1, 1, 4]),
        (Windows { stride: [1, 0], ..fits }, [7, 0, 1, 7]),
        (Windows { dilation: [0, 1], ..fits }, [4, 1, 0, 4]),
        (Windows { dilation: [1, 2], ..fits }, [7, 1, 2, 7]),
        (Windows { dilation: [usize::MAX, 1], ..fits }, [4, 1, usize::MAX, 4]),
        (Windows::new(Border { height: 0, ..border }, [1, 1]), [1, 1, 1, 0]),
    ] {
        let [kernel, stride, dilation, length] = expected;
        let expected = Error::Window { kernel, stride, dilation, length };
        assert_eq!(windows.shape(), Err(expected));
        assert_eq!(im2col(&[0_u8; 48], windows, 0, &mut [0; 56]), Err(expected));
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let border = Border { height: 4, width: 6, channels: 2, ..Border::default() };
    let windows = Windows::new(border, [4, 5]);
    let wrong = |windows: Windows, input, output| {
        let error = im2col(&vec![0_u8; input], windows, 0, &mut vec![0; output]);
        let Border { height, width, channels, .. } = windows.border;
        let image = [channels, height, width];
        let expected = match windows.shape() {
            Ok(_) if image != [2, 4, 6] || input != 48 => ("image", input, image),
            Ok(shape) => ("out", output, shape),
            Err(of_shape) => return assert_eq!(error, Err(of_shape)),
        };
        let (argument, elements, shape) = expected;
        let shape = shape.map(Some);
        let expected = Error::Shape { argument, elements, shape };
        assert_eq!(error, Err(expected));
    };
    for (input, output) in [(47, 80), (48, 79), (96, 160), (0, 80), (48, 0)] {
        wrong(windows, input, output);
    }
    let huge = usize::MAX;
    wrong(Windows::new(Border { channels: huge, ..border }, [4, 5]), 48, 80);
    wrong(Windows::new(Border { right: huge, ..border }, [4, 5]), 48, 80);
    wrong(Windows::new(Border { height: huge, ..border }, [1, 1]), 48, 80);
}

/// Images of nothing: without channels, or all border.
#[test]
fn nothing() {
    let border = Border { height: 4, width: 6, ..Border::default() };
    im2col::<u8>(&[], Windows::new(border, [2, 2]), 3, &mut []).unwrap();
    let border = Border { channels: 1, top: 2, left: 2, ..Border::default() };
    let mut out = [i8::MAX; 4];
    im2col(&[], Windows::new(border, [2, 2]), i8::MIN, &mut out).unwrap();
    assert_eq!(out, [i8::MIN; 4]);
}
