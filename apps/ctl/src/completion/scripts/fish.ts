import { shellText } from './shell-text.ts';

/** Completion for fish 3 and later. */
export const fish = shellText`# fish completion for quoratectl

function __quoratectl_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l plain (string unescape -- "$typed" 2> /dev/null)
    or set plain $typed
    set -l program $words[1]
    set -e words[1]
    set -l answer (command $program __complete $words "$plain" 2> /dev/null < /dev/null)
    or return
    set -l directive (string replace -r '^:' '' -- $answer[-1])
    set -e answer[-1]
    string match -qr '^[0-9]+$' -- "$directive"
    or return
    if test (count $answer) -gt 0
        printf '%s\n' $answer
        return
    end
    # Files, behind the = of a flag, too. 16 is for folders only, 4 for nothing at all.
    set -l flag (string match -r '^--[^=]*=' -- $typed)
    set -l path (string replace -r '^--[^=]*=' '' -- $typed)
    if test (math "floor($directive / 16) % 2") -eq 1
        __fish_complete_directories $path | string replace -r '^' -- "$flag"
    else if test (math "floor($directive / 4) % 2") -eq 0
        __fish_complete_path $path | string replace -r '^' -- "$flag"
    end
end

complete -c quoratectl -e
complete -c quoratectl -f -a '(__quoratectl_complete)'
`;
