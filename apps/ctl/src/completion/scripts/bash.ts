import { shellText } from './shell-text.ts';

/**
 * Completion for bash 4.4 and later. Nothing of what is typed is evaluated: quotes are taken off and variables are
 * looked up by hand, so that pressing a key runs no command that somebody has not ended yet.
 */
export const bash = shellText`# bash completion for quoratectl

# Sets REPLY to what the shell would make of a word: without quotes, with the values of plain variables.
__quoratectl_plain() {
  local word=$1 out= quote= char next name i
  [[ $word == '~/'* ]] && word=$HOME/\${word:2}
  for ((i = 0; i < \${#word}; i++)); do
    char=\${word:i:1}
    if [[ $quote == "'" ]]; then
      if [[ $char == "'" ]]; then quote=; else out+=$char; fi
    elif [[ $char == '\' ]]; then
      i=$((i + 1))
      next=\${word:i:1}
      [[ $quote == '"' && $next != ['"\$\`'] ]] && out+='\'
      out+=$next
    elif [[ $char == '"' ]]; then
      if [[ $quote == '"' ]]; then quote=; else quote='"'; fi
    elif [[ $char == "'" && -z $quote ]]; then
      quote="'"
    elif [[ $char == '$' && \${word:i} =~ ^[$](\{)?([A-Za-z_][A-Za-z_0-9]*)(\})? ]]; then
      name=\${BASH_REMATCH[2]}
      out+=\${!name-}
      i=$((i + \${#BASH_REMATCH[0]} - 1))
    else
      out+=$char
    fi
  done
  REPLY=$out
}

_quoratectl() {
  local rest=\${COMP_LINE:0:COMP_POINT} words=() word before fragment= prefix= program out line value
  local directive i REPLY
  COMPREPLY=()
  # bash breaks words at : and =, too. Those with nothing between them are one; "prefix" is what stands in the last
  # word before the part that bash is going to replace.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    before=\${rest%%[![:space:]]*}
    rest=\${rest:\${#before}}
    ((i == COMP_CWORD)) && word=$rest
    rest=\${rest:\${#word}}
    if ((i > 0)) && [[ -z $before ]]; then
      prefix=\${words[\${#words[@]} - 1]}
      words[\${#words[@]} - 1]+=$word
    else
      prefix=
      words+=("$word")
    fi
    fragment=$word
  done
  # Behind a : or = the part to replace is still empty.
  if [[ $fragment == [:=] ]]; then prefix+=$fragment fragment=; fi

  for i in "\${!words[@]}"; do
    __quoratectl_plain "\${words[i]}"
    words[i]=$REPLY
  done
  __quoratectl_plain "$prefix"
  prefix=$REPLY
  program=\${words[0]}
  type -P -- "$program" > /dev/null || program=quoratectl
  out=$("$program" __complete "\${words[@]:1}" 2> /dev/null < /dev/null) || return 0
  directive=\${out##*:}
  [[ $directive =~ ^[0-9]+$ ]] || return 0

  local values=() descriptions=()
  while IFS= read -r line; do
    [[ -z $line ]] && continue
    value=\${line%%$'\t'*}
    descriptions+=("\${line:\${#value}+1}")
    values+=("\${value:\${#prefix}}")
  done <<< "\${out%:*}"

  if ((\${#values[@]} == 0)); then
    if ((directive & 16)); then compopt -o dirnames -o filenames
    elif ((!(directive & 4))); then compopt -o default
    fi
    return 0
  fi
  ((directive & 2)) && compopt -o nospace
  for i in "\${!values[@]}"; do
    value=\${values[i]}
    # Within quotes nothing needs them.
    [[ $fragment == [\"\']* ]] || printf -v value %q "$value"
    # With 63 bash only lists what there is, and puts nothing into the line.
    if ((COMP_TYPE == 63 && \${#values[@]} > 1)) && [[ -n \${descriptions[i]} ]]; then
      printf -v value '%-24s (%s)' "$value" "\${descriptions[i]}"
      value=\${value:0:\${COLUMNS:-80}-2}
    fi
    COMPREPLY+=("$value")
  done
}

complete -F _quoratectl quoratectl
`;
