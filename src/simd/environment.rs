//! The floating-point environment: how the CPU rounds, and what it does with subnormal numbers.
//!
//! It belongs to the thread, and a host may have changed it: for directed rounding, or to have
//! subnormal numbers flushed to zero, which code linked with `-ffast-math` does when it is loaded.
//! Results must not depend on that, so whatever calculates with floats, or compares them, does it
//! [`in_default`].
//!
//! To read the register takes 5 to 10 ns on some CPUs, as long as a short call. On x86 one addition of
//! four lanes, each of which only the default gets right in one respect, tells as much in less than
//! one.
//!
//! Miri runs no inline assembly, and has the default environment.
#![allow(unsafe_code, reason = "inline assembly")]

/// Runs `f` in the default environment: rounding half to even, subnormal numbers as they are. That of
/// the host is restored afterwards, also if `f` panics.
///
/// It must not be put around anything that runs code of the host, a `rayon::join` for instance.
#[inline(always)]
pub(crate) fn in_default<T>(f: impl FnOnce() -> T) -> T {
    if is_default() { f() } else { with_default(f) }
}

/// Whether the environment is the default one.
#[inline(always)]
pub(crate) fn is_default() -> bool {
    register::is_default()
}

/// Runs `f` in the default environment where the host has another.
#[cold]
#[inline(never)]
pub(crate) fn with_default<T>(f: impl FnOnce() -> T) -> T {
    let (mut f, mut result) = (Some(f), None);
    set_around(&mut || {
        if let Some(f) = f.take() {
            result = Some(f());
        }
    });
    result.expect("it has run")
}

/// Sets the default environment around a call.
///
/// The compiler takes the default environment for granted, and so may move calculations across the
/// instructions that set it. It can't here: the call goes through a pointer that it knows nothing of.
#[cold]
#[inline(never)]
fn set_around(f: &mut dyn FnMut()) {
    struct Restore(register::Setting);

    impl Drop for Restore {
        fn drop(&mut self) {
            register::set(&self.0);
        }
    }

    let _restore = Restore(register::get());
    register::set(&register::DEFAULT);
    core::hint::black_box(f)();
}

/// MXCSR.
#[cfg(all(target_feature = "sse2", not(miri)))]
mod register {
    use core::arch::asm;

    pub(super) type Setting = u32;

    /// To nearest, nothing flushed, all exceptions masked.
    pub(super) const DEFAULT: Setting = 0x1f80;

    /// `a + b == sum`, bit for bit, in the default environment alone:
    ///
    /// | lane | a | b | sum | another sum if |
    /// |---|---|---|---|---|
    /// | 0 | 1 | 2⁻²⁵ | 1 | rounded up |
    /// | 1 | 1 | 1.5 · 2⁻²⁴ | 1 + 2⁻²³ | rounded down, or to zero |
    /// | 2 | 1.5 · 2⁻¹²⁶ | −2⁻¹²⁶ | 2⁻¹²⁷ | subnormal results are flushed to zero |
    /// | 3 | 2⁻¹²⁷ | 0 | 2⁻¹²⁷ | subnormal operands are taken as zero |
    #[repr(C, align(16))]
    struct Canary {
        a: [u32; 4],
        b: [u32; 4],
        sum: [u32; 4],
    }

    static CANARY: Canary = Canary {
        a: [0x3f80_0000, 0x3f80_0000, 0x00c0_0000, 0x0040_0000],
        b: [0x3300_0000, 0x33c0_0000, 0x8080_0000, 0x0000_0000],
        sum: [0x3f80_0000, 0x3f80_0001, 0x0040_0000, 0x0040_0000],
    };

    #[inline(always)]
    pub(super) fn is_default() -> bool {
        let equal: u32;
        // SAFETY: it reads `CANARY`, which is aligned, and changes nothing but these two registers.
        unsafe {
            asm!(
                "movaps {sum}, xmmword ptr [{canary}]",
                "addps {sum}, xmmword ptr [{canary} + 16]",
                "pcmpeqd {sum}, xmmword ptr [{canary} + 32]",
                "movmskps {equal:e}, {sum}",
                canary = in(reg) &raw const CANARY,
                sum = out(xmm_reg) _,
                equal = lateout(reg) equal,
                options(nostack, readonly, preserves_flags),
            );
        }
        equal == 0b1111
    }

    pub(super) fn get() -> Setting {
        let mut setting: Setting = 0;
        // SAFETY: it writes `setting`.
        unsafe {
            asm!(
                "stmxcsr dword ptr [{}]",
                in(reg) &raw mut setting,
                options(nostack, preserves_flags),
            );
        }
        setting
    }

    pub(super) fn set(setting: &Setting) {
        // SAFETY: it reads `setting`, which `get` gave or is `DEFAULT`: no reserved bit is set.
        unsafe {
            asm!(
                "ldmxcsr dword ptr [{}]",
                in(reg) core::ptr::from_ref(setting),
                options(nostack, preserves_flags),
            );
        }
    }
}

/// FPCR, which takes no longer to read than to calculate.
#[cfg(all(target_arch = "aarch64", not(miri)))]
mod register {
    use core::arch::asm;

    pub(super) type Setting = u64;

    /// To nearest, nothing flushed, IEEE half precision, NaN passed on, no exception trapped.
    pub(super) const DEFAULT: Setting = 0;

    #[inline(always)]
    pub(super) fn is_default() -> bool {
        get() == DEFAULT
    }

    #[inline(always)]
    pub(super) fn get() -> Setting {
        let setting: Setting;
        // SAFETY: it changes nothing.
        unsafe {
            asm!("mrs {}, fpcr", out(reg) setting, options(nomem, nostack, preserves_flags));
        }
        setting
    }

    pub(super) fn set(setting: &Setting) {
        // SAFETY: `setting` is what `get` gave, or `DEFAULT`: no reserved bit is set. Memory counts as
        // changed, so no access moves across.
        unsafe {
            asm!("msr fpcr, {}", in(reg) *setting, options(nostack, preserves_flags));
        }
    }
}

/// No such register, or none that is looked after.
#[cfg(not(all(any(target_feature = "sse2", target_arch = "aarch64"), not(miri))))]
mod register {
    pub(super) struct Setting;

    pub(super) const DEFAULT: Setting = Setting;

    #[inline(always)]
    pub(super) fn is_default() -> bool {
        true
    }

    pub(super) fn get() -> Setting {
        Setting
    }

    pub(super) fn set(Setting: &Setting) {}
}
