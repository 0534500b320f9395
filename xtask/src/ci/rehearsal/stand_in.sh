#!/bin/sh
# Stands in for a program that asks the service, which a rehearsal does not have: it notes what it was asked.
printf '%s\n' "${0##*/} $*" >>"$REHEARSAL_CALLS"
# There is no release of this tag yet.
case "${0##*/} $*" in "gh release view "*) exit 1 ;; esac
