#compdef muster

# Completion of muster for zsh.

_muster() {
    local program="${${(Q)words[1]}/#\~/$HOME}" kind="" line text
    # Words, and options that a value is to follow at once, each with its line in the list.
    local -a plain plain_shown open open_shown
    while IFS= read -r line; do
        if [[ -z $kind ]]; then
            kind="$line"
            continue
        fi
        text="${line%%$'\t'*}"
        line="${line#*$'\t'}"
        line="$text${line:+  -- $line}"
        if [[ $text == -*= ]]; then
            open+=("$text")
            open_shown+=("$line")
        else
            plain+=("$text")
            plain_shown+=("$line")
        fi
    done < <("$program" internal-complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    # zsh puts words into quotes at the wrong place when these begin within the word.
    [[ ${words[CURRENT]//\\?/} == -*=*[\'\"]* ]] && return 1
    # The name of an option stays as it is, and is not listed.
    compset -P '-*='
    case "$kind" in
        files) _files ;;
        directories) _files -/ ;;
        *)
            compadd -l -d plain_shown -a plain
            compadd -l -d open_shown -S '' -a open
            ;;
    esac
}

if [[ $funcstack[1] == _muster ]]; then
    _muster "$@"
else
    compdef _muster muster
fi
