# Sourced by setup_env.sh: the two stacks of hosts. Both have the same import names, so an environment holds one of them.
#
#   original    OpenMMLab's own releases, which are frozen: mmcv 2.1.0 builds on Python 3.10 to 3.12
#   onedl       their maintained forks, for Python 3.11 to 3.14

# stacks_for VERSION: those that take a Python of that version (3.12), the default first
stacks_for() {
    case "$1" in
        3.10) echo original ;;
        3.11 | 3.12) echo original onedl ;;
        3.13 | 3.14) echo onedl ;;
    esac
}

# pythons_of [STACK]: in words
pythons_of() {
    case "${1:-}" in
        original) echo "3.10, 3.11 or 3.12" ;;
        onedl) echo "3.11, 3.12, 3.13 or 3.14" ;;
        *) echo "3.10, 3.11, 3.12, 3.13 or 3.14" ;;
    esac
}

# use_stack STACK: sets what is installed, by the names that the package index knows
use_stack() {
    stack=$1
    case "$stack" in
        original)
            constraints=tools/constraints.txt
            hosts="mmengine mmpretrain" more_hosts="mmdet mmsegmentation" more_libraries=""
            mmcv=mmcv mmcv_without_ops=mmcv-lite
            others="onedl-mmengine onedl-mmpretrain onedl-mmdetection onedl-mmsegmentation onedl-mmcv" ;;
        onedl)
            constraints=tools/constraints-onedl.txt
            # the fork of mmdet imports imaug, whose own requirements bring two more OpenCVs
            hosts="onedl-mmengine onedl-mmpretrain" more_hosts="onedl-mmdetection onedl-mmsegmentation imaug"
            more_libraries="scikit-image imageio"
            mmcv=onedl-mmcv mmcv_without_ops=onedl-mmcv
            others="mmengine mmpretrain mmdet mmsegmentation mmcv mmcv-lite" ;;
    esac
    torch_pin=$(sed -n 's/^torch==//p' "$constraints")
    mmcv_pin=$(sed -n "s/^$mmcv==//p" "$constraints")
}

# installed_stack ENVIRONMENT: the one that it holds; none if it is new
installed_stack() {
    if ls -d "$1"/lib/python*/site-packages/onedl_mmengine-* >/dev/null 2>&1; then
        echo onedl
    elif ls -d "$1"/lib/python*/site-packages/mmengine-* >/dev/null 2>&1; then
        echo original
    fi
}
