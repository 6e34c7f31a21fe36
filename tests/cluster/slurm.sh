#!/usr/bin/env bash
# slurm.sh COMMAND...: run a command inside a SLURM cluster of this one machine, and take it down after.
#
# A cluster without accounting, with one GPU that is none (/dev/null). Needs root; installs SLURM and
# munge from Debian's packages where they are missing. Everything lies in a folder of its own, and
# /etc/slurm is replaced inside this process's mount namespace alone: the machine keeps its own.
set -euo pipefail

if [ -z "${INSIDE_SLURM_SH:-}" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "slurm.sh needs root: SLURM's daemons start jobs for users" >&2
        exit 1
    fi
    if ! command -v slurmctld slurmd munged > /dev/null; then
        apt-get update --quiet --quiet
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends slurm-wlm munge
    fi
    mkdir -p /etc/slurm
    INSIDE_SLURM_SH=1 exec unshare --mount "$0" "$@"
fi

folder=$(mktemp --directory /tmp/slurm.XXXXXX)
mkdir "$folder/etc" "$folder/state" "$folder/spool"
host=$(hostname --short)

cat > "$folder/etc/slurm.conf" << END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
# Whatever the package brings for these needs cgroups, a database or systemd.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# How long squeue remembers a finished job.
MinJobAge=3600
ReturnToService=2
# A busy machine is slow to answer, not dead.
SlurmdTimeout=0
MessageTimeout=100
SlurmctldPort=16817
SlurmdPort=16818
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
GresTypes=gpu
# Memory that the machine need not have: the demo's jobs use a tenth of what the profile asks.
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=32000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
echo "AutoDetect=off
NodeName=$host Name=gpu File=/dev/null" > "$folder/etc/gres.conf"
mount --bind "$folder/etc" /etc/slurm

stop() {
    set +e
    for daemon in slurmd slurmctld munged; do
        [ ! -f "$folder/$daemon.pid" ] || kill "$(cat "$folder/$daemon.pid")"
    done
    # Each removes its pid file last, when its state is written.
    timeout 20 bash -c "while ls $folder/*.pid; do sleep 0.2; done" > /dev/null 2>&1
    rm -rf "$folder"
}
trap stop EXIT

dd if=/dev/urandom of="$folder/munge.key" bs=128 count=1 status=none
chmod 600 "$folder/munge.key"
chmod 755 "$folder"
munged --force --socket "$folder/munge.socket" --key-file "$folder/munge.key" \
    --pid-file "$folder/munged.pid" --log-file "$folder/munged.log" --seed-file "$folder/munged.seed"
slurmctld
slurmd
for _ in $(seq 60); do
    state=$(sinfo --noheader --format=%T 2> /dev/null || true)
    [ "$state" != idle ] || break
    sleep 1
done
if [ "$state" != idle ]; then
    echo "the node is '$state' after a minute:" >&2
    tail -n 20 "$folder"/*.log >&2
    exit 1
fi
"$@"
