# After pjdfstest's own misc.sh: the same functions without a program of its own for each step; descriptors 8 and 9 are
# those of pjdfstest.ts. In a guest `call` is another one (run-cases.sh).
fstest=ask
call() { echo "$PWD $*" >&9; read -r answer <&8; }
ask() { local answer; call "$@"; echo "$answer"; }

expect() {
  local wanted=$1 answer; shift
  call "$@"
  if [[ $answer =~ ^${wanted}$ ]]; then echo "ok $ntest${todomsg:+ # TODO $todomsg}"
  elif [ -n "$todomsg" ]; then echo "not ok $ntest # TODO $todomsg"
  else echo "not ok $ntest - tried '$*', expected $wanted, got $answer"
  fi
  todomsg=
  : $((ntest += 1))
}

digits() { local number; printf -v number '%08x' $BASHPID; for _ in 1 2 3 4 5 6; do printf -v number '%s%04x' "$number" $RANDOM; done; echo "$number"; }
namegen() { echo "pjdfstest_$(digits)"; }
namegen_len() { local name=; while [ ${#name} -lt "$1" ]; do name+=$(digits); done; printf %s "${name:0:$1}"; }
dirgen_max() {
  local part path= most
  part=$(($(ask pathconf . _PC_NAME_MAX) / 2)) most=$(($(ask pathconf . _PC_PATH_MAX) - 1))
  while [ ${#path} -lt $most ]; do path+="$(namegen_len $part)/"; done
  path=${path:0:most}
  printf %s "${path/%\//x}"
}
