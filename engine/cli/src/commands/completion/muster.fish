# Completion of muster for fish.

function __muster_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] internal-complete fish $words[2..-1] "$current" 2>/dev/null)
    # The name of an option stays as it is.
    set -l prefix (string match -r -- '^-[^=]*=' "$current")
    set -l value (string replace -r -- '^-[^=]*=' '' "$current")
    switch "$answer[1]"
        case files
            __fish_complete_path "$value" | string replace -r -- '^' "$prefix"
        case directories
            __fish_complete_directories "$value" | string replace -r -- '^' "$prefix"
        case words
            string join \n -- $answer[2..-1]
    end
end

complete -c muster -f -a '(__muster_complete)'
