# shellcheck shell=bash
# Shared by the scripts here, which source it. Everything is run from the root of the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

# Where the scripts leave "CPU: tiers", a line for each CPU, for the summary of .ci/run.
exercised=$target/ci-exercised

# Emulated CPUs are some twenty times slower, so they get fewer random cases than the real one.
emulated_proptest_cases=16

fail() {
    echo "error: $*" >&2
    exit 1
}

# install PACKAGE...: Debian packages, unless all are here.
install() {
    local package
    for package; do
        if ! dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep '^ii' >/dev/null; then
            echo "Installing $*"
            apt-get update -qq
            # All of them, not only those that are missing: some must be of the same version.
            DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null
            return
        fi
    done
}

# aarch64_compiler: makes cargo able to build for aarch64, in this shell and what it starts.
aarch64_compiler() {
    install gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    # The standard library for aarch64: rustup's, or else Debian's with the compiler it belongs to.
    if ! rustup target list --installed 2>/dev/null | grep -x aarch64-unknown-linux-gnu >/dev/null; then
        dpkg --add-architecture arm64
        install rustc-web libstd-rust-web-dev:amd64 libstd-rust-web-dev:arm64
        export RUSTC=/usr/bin/rustc
    fi
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
}

# tiers_on CPU TIERS OPTION...: the test, by `cargo test OPTION...`, that tells which tiers there are.
# They must be TIERS, no fewer and no more.
tiers_on() {
    local cpu=$1 tiers=$2 output found
    shift 2
    output=$(
        ZEROPOINT_EXPECT=$tiers cargo test --quiet "$@" --test tiers tiers_of_this_cpu \
            -- --exact --nocapture
    ) || fail "$cpu: $output"
    found=$(sed -n 's/^.*tiers: //p' <<<"$output")
    [[ $found == "$tiers" ]] || fail "$cpu has the tiers '$found'; expected '$tiers'"
    echo "$cpu: $found" | tee -a "$exercised"
}

# not_done TEXT: says now, and again at the end, what could not be done on this machine.
not_done() {
    echo "NOT DONE: $*" | tee -a "$exercised" >&2
}

# has_library TRIPLE: whether there is a standard library, now at least.
has_library() {
    timeout 120 rustup target add "$1" && return
    not_done "anything on $1, for want of a standard library"
    return 1
}

# What test programs are told on emulated CPUs. Those two try very much, and not of instruction sets.
test_options=(--skip promises --skip squared_errors)

# Which tests run there.
which_tests=(--tests)

# emulated_tests_on TARGET CPU TIERS OPTION...: on CPU, as qemu names it, by `cargo test OPTION...`,
# the tests, and which tiers there are.
emulated_tests_on() {
    local triple=$1 cpu=$2 tiers=$3
    shift 3
    local architecture=${triple%%-*}
    # The limit, for each test program, is for one that hangs.
    local runner="timeout --kill-after=10 600 qemu-${architecture/i686/i386}-static -cpu $cpu"
    local name=${cpu%%,*}
    local options=(--config "target.$triple.runner='$runner'" "$@")
    echo "--- on $name"
    PROPTEST_CASES=$emulated_proptest_cases cargo test "${which_tests[@]}" "${options[@]}" -- "${test_options[@]}"
    tiers_on "$name" "$tiers" "${options[@]}"
}
