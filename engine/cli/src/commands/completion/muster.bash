# Completion of muster for bash.

_muster() {
    local program="${1/#\~/$HOME}" kind="" line
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $kind ]]; then
            kind="$line"
        else
            # Behind the tab is what the word means.
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <("$program" internal-complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    case "$kind" in
        files) compopt -o default 2>/dev/null ;;
        directories) compopt -o dirnames 2>/dev/null ;;
    esac
    # A value is to follow at once.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _muster muster
