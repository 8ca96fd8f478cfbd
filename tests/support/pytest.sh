# shellcheck shell=sh
# To be sourced: runs pytest over a folder as TAP for `make check`.

# run_pytest FOLDER "MODULE..." "DEBIAN-PACKAGE..." [ARGUMENT...]: the modules that the tests need, and where they are from.
run_pytest() {
	folder=$1 modules=$2 packages=$3
	shift 3
	# shellcheck disable=SC2086 # a list of words
	if ! /usr/bin/python3 -c 'import importlib, sys; [importlib.import_module(m) for m in sys.argv[1:]]' pytest $modules 2>/dev/null; then
		echo "1..0 # SKIP Debian's python3-pytest $packages are not installed (scripts/packages test)"
		exit 0
	fi
	VENDORFETCH_BUILD=${VENDORFETCH_BUILD:-$(pwd)}
	PYTHONPATH=$folder/../support${PYTHONPATH:+:$PYTHONPATH}
	PYTHONDONTWRITEBYTECODE=1
	export VENDORFETCH_BUILD PYTHONPATH PYTHONDONTWRITEBYTECODE
	exec /usr/bin/python3 -m pytest -p tap_plugin -p no:cacheprovider -p no:terminal "$folder" "$@"
}
