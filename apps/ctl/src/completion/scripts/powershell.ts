import { shellText } from './shell-text.ts';

/** Completion for PowerShell 7. */
export const powershell = shellText`# PowerShell completion for quoratectl

Register-ArgumentCompleter -Native -CommandName quoratectl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition -or $_.Extent.EndOffset -eq $cursorPosition -and $wordToComplete -eq '' } |
        ForEach-Object { if ($null -ne $_.Value) { "$($_.Value)" } else { $_.Extent.Text } })
    $program = $words[0]
    $arguments = @($words | Select-Object -Skip 1) + @($wordToComplete)
    $answer = @(& $program __complete @arguments 2> $null)
    if ($LASTEXITCODE -ne 0 -or $answer.Count -eq 0) { return }
    $directive = [int]($answer[-1].TrimStart(':'))
    $candidates = @($answer | Select-Object -SkipLast 1)
    if ($candidates.Count -eq 0) {
        # Nothing: PowerShell proposes files by itself. An empty text keeps it from doing so.
        if ($directive -band 4) { '' }
        return
    }
    foreach ($line in $candidates) {
        $value, $description = $line -split "\`t", 2
        if (-not $description) { $description = $value }
        $text = if ($value -match "[\s'\`"\`\`$(){};,|&<>@#]") { "'" + $value.Replace("'", "''") + "'" } else { $value }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $description)
    }
}
`;
