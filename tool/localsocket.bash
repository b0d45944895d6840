# Completion of localsocket's words in bash: what its --help names, so that nothing is written twice.
_localsocket() {
  local command=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]}
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "--help --version
      $(localsocket --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\).*/\1/p')" -- "$word")
    return
  fi
  local option=${COMP_WORDS[COMP_CWORD - 1]}
  local values
  values=$(localsocket "$command" --help 2>/dev/null | sed -n "s/^  $option WORD.*: //p" | tr -d ,)
  if [ -n "$values" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(localsocket "$command" --help 2>/dev/null | grep -o '^  .*' |
      grep -o -e '--[a-z-]*')" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -o filenames -F _localsocket localsocket
