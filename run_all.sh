#!/usr/bin/env bash
# The whole road in one command. `bash run_all.sh help` lists what it can do.
set -euo pipefail
exec </dev/null
unset PYTHONPATH PYTHONHOME

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
venv=${PIXELGBM_VENV:-$here/.venv}
demo_sizes=(--train 160 --dev 60 --test 100 --seed 1)

usage() {
  cat <<TEXT
bash run_all.sh                          draw a data set, train, tune, predict, score and report on it; all in demo/
bash run_all.sh DATA                     the same on a data folder; all in out/NAME/
bash run_all.sh train DATA MODEL         train and tune a model
bash run_all.sh predict MODEL DATA OUT   find the defects in every image: OUT/predictions/masks, OUT/answer.zip
bash run_all.sh bundle OUT [MODEL]       everything for a machine without network (MODEL: demo/model)
bash run_all.sh test [PYTEST OPTIONS]    the tests
bash run_all.sh docs                     the documentation, in out/site/index.html; a warning is an error

PYTHON=/path/to/python chooses the interpreter, PIXELGBM_VENV=folder the environment (.venv),
PIXELGBM_WORKERS=N the worker threads (all cores).
TEXT
}

say() { printf '%s\n' "$*"; }
fail() { printf 'run_all.sh: %s\n' "$*" >&2; exit 2; }

duration() { # seconds -> 3 min 07 s
  if [ "$1" -lt 60 ]; then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

absolute() { # a path that need not exist yet, seen from where the user stands
  if [ -d "$1" ]; then (cd -- "$1" && pwd); else
    case $1 in /*) printf '%s' "${1%/}" ;; *) printf '%s/%s' "$PWD" "${1%/}" ;; esac
  fi
}

# ---- the environment -------------------------------------------------------------------------------------------

suitable() { # is this a Python that can hold the packages?
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] or sys.maxsize < 2**32)' >/dev/null 2>&1
}

candidates() { # tried and current versions first, the newest last: wheels for it may not be out yet
  if [ -n "${PYTHON:-}" ]; then printf '%s\n' "$PYTHON"; return; fi
  printf '%s\n' python3.12 python3.13 python3.11 python3 python python3.14
}

fill() { # interpreter, requirement, log: a fresh environment with the packages in it
  rm -rf -- "$venv"
  "$1" -m venv "$venv" >"$3" 2>&1 || {
    rm -rf -- "$venv"
    printf '%s\n' "ERROR: $1 has no working venv module (Debian, Ubuntu: apt-get install $(basename "$1")-venv)" >>"$3"
    return 1
  }
  "$venv/bin/python" -m pip install --disable-pip-version-check --prefer-binary --editable "$2" >>"$3" 2>&1
}

last_error() { # log of pip
  printf '%s (all of it: %s)' "$(grep -E '(ERROR|Error|error): ' "$1" | tail -n 1)" "$1"
}

missing_library() { # one line naming what the wheels need from the system
  "$venv/bin/python" - <<'PY'
import importlib, re, sys
packages = {"libgomp": "libgomp1 (Debian, Ubuntu), libgomp (Fedora)", "libomp": "libomp (Homebrew)", "libstdc++": "libstdc++6"}
for name in ("numpy", "cv2", "numba", "lightgbm"):
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        found = re.search(r"(lib[\w+.-]+\.(?:so|dylib)[\d.]*)", str(error))
        library = found.group(1) if found else str(error).splitlines()[0]
        package = next((p for start, p in packages.items() if library.startswith(start)), "the package that holds it")
        sys.exit(f"{name} needs the system library {library}: install {package}")
PY
}

make_environment() { # extra ("" or "dev")
  local extra=$1 requirement=$here mark stamp interpreter version log problem begin=$SECONDS tried=""
  [ -z "$extra" ] || requirement="$here[$extra]"
  mark=$venv/.ready${extra:+-$extra}
  stamp=$(cksum <"$here/pyproject.toml")
  if [ -f "$mark" ] && [ "$(cat "$mark")" = "$stamp" ] && "$venv/bin/python" -c 'import pixelgbm' >/dev/null 2>&1; then
    say "set-up: done before ($venv)"
    return
  fi
  say "set-up: $venv"
  mkdir -p -- "$(dirname -- "$venv")"
  log=$(mktemp "${TMPDIR:-/tmp}/pixelgbm-setup.XXXXXX")
  for interpreter in $(candidates); do
    suitable "$interpreter" || continue
    version=$("$interpreter" -c 'import platform; print(platform.python_version())')
    case " $tried " in *" $version "*) continue ;; esac
    tried="$tried $version"
    if fill "$interpreter" "$requirement" "$log"; then
      problem=$(missing_library 2>&1) || fail "$problem"
      printf '%s' "$stamp" >"$mark"
      printf '%s' "$stamp" >"$venv/.ready"
      rm -f -- "$log"
      say "set-up: $(duration $((SECONDS - begin))), $("$venv/bin/python" --version)"
      return
    fi
  done
  [ -n "$tried" ] || fail "no Python 3.11 or newer (64 bit) found; name one with PYTHON=/path/to/python"
  fail "no environment with Python$tried: $(last_error "$log")"
}

setup() { # extra
  make_environment "$1"
  workers=${PIXELGBM_WORKERS:-$("$venv/bin/python" -c 'import os
print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)')}
}

# -P: a `features` folder where the user happens to stand must not hide ours.
pixelgbm() { "$venv/bin/python" -P -m pixelgbm "$@"; }

# ---- steps -----------------------------------------------------------------------------------------------------

number=0
steps=0
key=""
stamps=""

source_state() { # changes with the code, so that results of older code are not taken for done
  "$venv/bin/python" - "$here" <<'PY'
import pathlib, sys, zlib
root, total = pathlib.Path(sys.argv[1]), 0
for path in sorted([root / "pyproject.toml", *(root / "features").rglob("*.py"), *(root / "pixelgbm").rglob("*.py")]):
    total = zlib.crc32(path.read_bytes(), zlib.crc32(str(path.relative_to(root)).encode(), total))
print(total)
PY
}

data_state() { # changes when a file of the data is added, removed or written
  "$venv/bin/python" - "$1" <<'PY'
import os, sys, zlib
total = 0
for folder, folders, names in os.walk(sys.argv[1]):
    folders.sort()
    for name in sorted(names):
        path = os.path.join(folder, name)
        status = os.stat(path)
        total = zlib.crc32(f"{path}|{status.st_size}|{status.st_mtime_ns}".encode(), total)
print(total)
PY
}

begin_steps() { # number of steps, folder of their stamps, state of the inputs
  steps=$1 stamps=$2 key="$(source_state) $3"
  mkdir -p -- "$stamps"
}

# One step: announced, timed, and not repeated when the same command has finished on the same inputs. A step that was
# interrupted finds what it left behind (predict and tune go on from there); anything older is removed first.
step() { # name, what it writes ("" if nothing), command...
  local name=$1 output=$2 begin=$SECONDS code=0
  shift 2
  number=$((number + 1))
  key=$(printf '%s\n' "$key" "$name" "$@" | cksum)
  if [ -f "$stamps/$name" ] && [ "$(cat "$stamps/$name")" = "$key" ]; then
    say "[$number/$steps] $name: done before"
    return
  fi
  say "[$number/$steps] $name"
  rm -f -- "$stamps/$name"
  if [ -n "$output" ] && { [ ! -f "$stamps/$name.begun" ] || [ "$(cat "$stamps/$name.begun")" != "$key" ]; }; then
    rm -rf -- "$output"
  fi
  printf '%s' "$key" >"$stamps/$name.begun"
  "$@" || code=$?
  [ "$code" -eq 0 ] || { printf 'run_all.sh: %s ended with exit code %d\n' "$name" "$code" >&2; exit "$code"; }
  printf '%s' "$key" >"$stamps/$name"
  say "[$number/$steps] $name: $(duration $((SECONDS - begin)))"
}

fact() { # check.json, key: the strings listed there, one per line
  "$venv/bin/python" -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1], encoding="utf-8"))[sys.argv[2]]))' "$1" "$2"
}

main_job() { # data folder, where everything goes
  local data=$1 out=$2 check tune truth split scored splits labelled
  check=(pixelgbm check "$data" --json "$out/check.json")
  # Sealed truth beside the data is for the score at the end; nothing before it may see it.
  truth=()
  [ ! -d "$data/truth" ] || truth=(--truth "$data/truth")
  step check "" "${check[@]}" ${truth[@]+"${truth[@]}"}
  splits=$(fact "$out/check.json" splits)
  labelled=$(fact "$out/check.json" labelled)
  grep -qx train <<<"$labelled" || fail "$data: no labelled split named train; it has: ${splits//$'\n'/, }"
  step train "$out/model" pixelgbm train "$data" --out "$out/model" --workers "$workers"

  # A labelled test split is opened once, at the end. Without a test split dev takes its place and is not tuned on.
  split=all scored=""
  ! grep -qx dev <<<"$labelled" || scored=dev
  ! grep -qx test <<<"$splits" || split=test scored=""
  ! grep -qx test <<<"$labelled" || scored=test
  tune=(pixelgbm tune "$out/model" "$data" --workers "$workers")
  [ "$scored" = dev ] || ! grep -qx dev <<<"$labelled" || tune+=(--also dev)
  step tune "" "${tune[@]}"
  step predict "$out/predictions" pixelgbm predict "$out/model" "$data" --split "$split" --out "$out/predictions" \
    --without-references --resume --workers "$workers" --json "$out/predict.json"
  if [ -n "$scored" ]; then
    step score "$out/score.json" pixelgbm score "$out/predictions" "$data" --split "$scored" ${truth[@]+"${truth[@]}"} \
      --json "$out/score.json" --sheet "$out/contact_sheet.png"
    step report "$out/report" pixelgbm report "$out/model" "$data" "$out/predictions" --split "$scored" \
      ${truth[@]+"${truth[@]}"} --out "$out/report" --workers "$workers"
    say "to look at: $out/contact_sheet.png (image, reference, truth, found)"
    say "            $out/report/report.html, the same as report.pdf (score card, curves, gallery, how to repeat it)"
  else
    say "no labelled split named test or dev: nothing to score or report; pixelgbm crossval says how good training is"
  fi
  answer "$out"
}

answer() { # folder with predictions and predict.json
  if grep -q '"answer": true' "$1/predict.json"; then
    step submit "$1/answer.zip" pixelgbm submit "$1/predictions" --out "$1/answer.zip"
  else
    say "this layout has no answer file: the masks are in $1/predictions/masks"
  fi
}

run_demo() {
  local out=$here/demo begin=$SECONDS
  setup ""
  begin_steps 8 "$out/.stamps" demo
  step synth "$out/data" pixelgbm synth "$out/data" "${demo_sizes[@]}" --workers "$workers"
  main_job "$out/data" "$out"
  say "all of it: $(duration $((SECONDS - begin))); everything lies in $out"
}

run_data() { # data folder
  local data=$1 out begin=$SECONDS
  [ -e "$data" ] || fail "$data: no such data folder ('bash run_all.sh help' lists the commands)"
  out=$here/out/$(basename -- "$data")
  setup ""
  begin_steps 7 "$out/.stamps" "$(data_state "$data")"
  main_job "$data" "$out"
  say "all of it: $(duration $((SECONDS - begin))); everything lies in $out"
}

run_train() { # data folder, model
  local data=$1 model=$2 tune
  setup ""
  begin_steps 3 "$model.stamps" "$(data_state "$data")"
  step check "" pixelgbm check "$data" --json "$model.stamps/check.json"
  step train "$model" pixelgbm train "$data" --out "$model" --workers "$workers"
  tune=(pixelgbm tune "$model" "$data" --workers "$workers")
  ! fact "$model.stamps/check.json" labelled | grep -qx dev || tune+=(--also dev)
  step tune "" "${tune[@]}"
}

run_predict() { # model, data folder, outputs
  local model=$1 data=$2 out=$3
  setup ""
  begin_steps 2 "$out/.stamps" "$(data_state "$data") $(data_state "$model")"
  step predict "$out/predictions" pixelgbm predict "$model" "$data" --split all --resume \
    --out "$out/predictions" --workers "$workers" --json "$out/predict.json"
  answer "$out"
}

# ---- the bundle: installs and predicts with the network off ----------------------------------------------------

collect_licences() { # bundle folder: what every wheel says about its licence, and the texts it carries
  "$venv/bin/python" - "$1" <<'PY'
import email, pathlib, re, sys, zipfile
bundle = pathlib.Path(sys.argv[1])
rows = ["package,version,licence"]
for path in sorted((bundle / "wheels").glob("*.whl")):
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        metadata_name = next(n for n in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        metadata = email.message_from_bytes(wheel.read(metadata_name))
        package, version = metadata["Name"], metadata["Version"]
        classifiers = [c.split("::")[-1].strip() for c in metadata.get_all("Classifier", []) if c.startswith("License")]
        licence = metadata["License-Expression"] or "; ".join(classifiers) or (metadata["License"] or "see text").strip()
        rows.append(f'{package},{version},"{licence.splitlines()[0]}"')
        folder = bundle / "licences" / f"{package}-{version}"
        texts = [n for n in names if re.search(r"(^|/)(LICEN[CS]E|COPYING|NOTICE|AUTHORS|3rdparty)", n, re.IGNORECASE)]
        for name in texts:
            if name.endswith((".py", ".pyc", "/")):
                continue
            target = folder / name.replace("/", "__")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(wheel.read(name))
(bundle / "licences" / "LICENCES.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
print(f"licences: {len(rows) - 1} packages, listed in licences/LICENCES.csv")
PY
}

write_bundle_scripts() { # bundle folder
  local version
  version=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  cat >"$1/install.sh" <<TEXT
#!/usr/bin/env bash
# Installs pixelgbm from the wheels beside this file; needs Python $version and no network.
set -euo pipefail
here=\$(cd -- "\$(dirname -- "\${BASH_SOURCE[0]}")" && pwd -P)
python=\${PYTHON:-python$version}
"\$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$version")' 2>/dev/null || {
  printf 'install.sh: %s is not Python $version, which these wheels are for; name one with PYTHON=/path/to/python\n' "\$python" >&2
  exit 2
}
"\$python" -m venv "\$here/.venv"
"\$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --find-links "\$here/wheels" pixelgbm
"\$here/.venv/bin/python" -P -m pixelgbm --version
TEXT
  cat >"$1/predict.sh" <<'TEXT'
#!/usr/bin/env bash
# bash predict.sh DATA OUT: finds the defects in every image of DATA; masks in OUT/predictions/masks, the answer file
# of a layout that has one in OUT/answer.zip.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
[ $# -eq 2 ] || { printf 'predict.sh: DATA and OUT are needed\n' >&2; exit 2; }
pixelgbm=("$here/.venv/bin/python" -P -m pixelgbm)
[ -x "$here/.venv/bin/python" ] || { printf 'predict.sh: run install.sh first\n' >&2; exit 2; }
"${pixelgbm[@]}" predict "$here/model" "$1" --split all --resume --out "$2/predictions" --json "$2/predict.json"
! grep -q '"answer": true' "$2/predict.json" || "${pixelgbm[@]}" submit "$2/predictions" --out "$2/answer.zip"
TEXT
  cat >"$1/train.sh" <<'TEXT'
#!/usr/bin/env bash
# bash train.sh DATA MODEL [OPTIONS OF TUNE, such as --also dev]: trains and tunes a model.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
[ $# -ge 2 ] || { printf 'train.sh: DATA and MODEL are needed\n' >&2; exit 2; }
pixelgbm=("$here/.venv/bin/python" -P -m pixelgbm)
[ -x "$here/.venv/bin/python" ] || { printf 'train.sh: run install.sh first\n' >&2; exit 2; }
data=$1 model=$2
shift 2
"${pixelgbm[@]}" train "$data" --out "$model"
"${pixelgbm[@]}" tune "$model" "$data" "$@"
TEXT
}

run_bundle() { # folder to write, model
  local out=$1 model=$2 log
  [ -f "$model/manifest.json" ] || fail "$model: no model there; train one, or run 'bash run_all.sh' for the demo's"
  [ ! -e "$out" ] || [ -z "$(ls -A -- "$out")" ] || fail "$out: is not empty; name a new folder"
  setup ""
  pixelgbm check "$model"
  mkdir -p -- "$out/wheels"
  log=$out/wheels.log
  "$venv/bin/python" -m pip wheel --disable-pip-version-check --prefer-binary --wheel-dir "$out/wheels" "$here" \
    >"$log" 2>&1 || fail "wheels: $(last_error "$log")"
  rm -f -- "$log"
  cp -R -- "$model" "$out/model"
  cp -- "$here/README.md" "$here/LICENSE" "$out/"
  collect_licences "$out"
  write_bundle_scripts "$out"
  say "bundle: $out; on the other machine: bash install.sh, then bash predict.sh DATA OUT"
}

run_tests() {
  local begin=$SECONDS
  setup dev
  cd -- "$here"
  "$venv/bin/python" -m pytest --numprocesses "$workers" --dist loadfile "$@"
  say "tests: $(duration $((SECONDS - begin)))"
}

run_docs() {
  local begin=$SECONDS
  setup dev
  cd -- "$here"
  NO_MKDOCS_2_WARNING=1 "$venv/bin/python" -m mkdocs build --strict --quiet
  say "documentation: $here/out/site/index.html ($(duration $((SECONDS - begin))))"
}

need() { # how many arguments came, how many are needed, their names
  [ "$1" -ge "$2" ] || fail "needs $3 ('bash run_all.sh help' lists the commands)"
}

case ${1:-} in
  "") run_demo ;;
  help | -h | --help) usage ;;
  train)
    need $# 3 "DATA and MODEL"
    run_train "$(absolute "$2")" "$(absolute "$3")"
    ;;
  predict)
    need $# 4 "MODEL, DATA and OUT"
    run_predict "$(absolute "$2")" "$(absolute "$3")" "$(absolute "$4")"
    ;;
  bundle)
    need $# 2 "OUT"
    run_bundle "$(absolute "$2")" "$(absolute "${3:-$here/demo/model}")"
    ;;
  test)
    shift
    run_tests "$@"
    ;;
  docs) run_docs ;;
  *) run_data "$(absolute "$1")" ;;
esac
