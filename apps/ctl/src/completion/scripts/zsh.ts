import { shellText } from './shell-text.ts';

/** Completion for zsh 5: to be sourced after `compinit`, or to be found as `_quoratectl` in a folder of `fpath`. */
export const zsh = shellText`#compdef quoratectl
# zsh completion for quoratectl

_quoratectl() {
  local program=\${(Q)words[1]} out line value description directive
  local -a typed values shown folders foldersShown
  [[ $program == '~/'* ]] && program=$HOME/\${program[3,-1]}
  (( \${+commands[$program]} )) || [[ -x $program ]] || program=quoratectl
  typed=("\${(@Q)words[2,CURRENT-1]}")
  out=$("$program" __complete "\${typed[@]}" "\${(Q)IPREFIX}\${(Q)PREFIX}" 2> /dev/null < /dev/null) || return 1
  directive=\${out##*:}
  [[ $directive == <-> ]] || return 1

  for line in "\${(@f)out%:*}"; do
    [[ -z $line ]] && continue
    value=\${line%%$'\t'*}
    description=\${line[$((\${#value} + 2)),-1]}
    [[ -n $description ]] && description="$value  -- $description" || description=$value
    if [[ $value == *[/=] ]]; then
      folders+=("$value")
      foldersShown+=("$description")
    else
      values+=("$value")
      shown+=("$description")
    fi
  done

  if (( \${#values} + \${#folders} == 0 )); then
    (( directive & 4 )) && return 1
    compset -P '--*='
    if (( directive & 16 )); then _files -/; else _files; fi
    return
  fi
  # Descriptions are one a line; values without them stand side by side.
  local -a layout
  [[ "\${(j::)shown}" != "\${(j::)values}" ]] && layout=(-l)
  (( \${#values} )) && compadd "\${layout[@]}" -d shown -a -- values
  (( \${#folders} )) && compadd -S '' -d foldersShown -a -- folders
  return 0
}

if [[ \${funcstack[1]} == _quoratectl ]]; then
  _quoratectl "$@"
else
  compdef _quoratectl quoratectl
fi
`;
