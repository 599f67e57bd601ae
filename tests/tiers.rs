//! Which tiers this CPU has, and that those expected are there.

use zeropoint::{Error, Tier};

/// Prints the tiers. The variable `ZEROPOINT_EXPECT` lists the ones that a run is expected to
/// cover: one that is missing is a failure, not a silent gap.
#[test]
fn tiers_of_this_cpu() {
    let names: Vec<_> = Tier::available().map(Tier::name).collect();
    println!("tiers: {}", names.join(" "));
    let expected = std::env::var("ZEROPOINT_EXPECT").unwrap_or_default();
    for name in expected.split_whitespace() {
        assert!(names.contains(&name), "{name} is expected, but there are only {names:?}");
    }
}

#[test]
fn the_best_is_available_and_known_by_name() {
    let best = Tier::best();
    assert!(Tier::available().any(|tier| tier == best));
    assert!(Tier::NAMES.contains(&best.name()));
    assert_eq!(best.to_string().parse(), Ok(best));
    assert_eq!(Tier::available().next(), Some(Tier::SCALAR));
}

#[test]
fn a_tier_that_is_not_here() {
    let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
    let error = foreign.parse::<Tier>().unwrap_err();
    assert_eq!(error, Error::UnavailableTier { name: foreign });
    assert_eq!(error.to_string(), format!("tier {foreign} is not available here"));
    let error = "sse9".parse::<Tier>().unwrap_err();
    assert_eq!(error, Error::UnknownTier { known: Tier::NAMES });
    assert_eq!(error.to_string(), format!("no such tier; there are {}", Tier::NAMES.join(", ")));
}
