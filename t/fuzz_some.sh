# fuzz_some.sh TOP SECONDS TARGET - run a fuzz target from its seeds for some
# seconds; for xargs, which goes on with the others when one fails.
set -eu
name=$(basename "$3" _fuzz)
dir=$(mktemp -d)
if ! "./$3" -max_total_time="$2" -close_fd_mask=3 -artifact_prefix="$dir/" \
    "$dir" "$1/t/data/fuzz/$name" >"$dir/log" 2>&1; then
	tail -30 "$dir/log"
	echo "$3 failed; the input is in $dir"
	exit 1
fi
rm -rf "$dir"
echo "fuzzed $name"
