#!/usr/bin/env python3
"""Stands in for raw_ethernet_bw and raw_ethernet_lat of perftest where there is no RDMA device.

Options, checks, texts and the file are those of perftest's source (00b55b6: perftest_parameters.c, raw_ethernet_resources.c). A socket of the receiver, named
after its Ethernet address, stands for the wire: a frame to an address at which nothing listens yet is lost. STAND_IN is its folder, FAULT what goes wrong.
"""

import getopt
import os
import re
import socket
import sys
import time

SHORT = "w:y:p:d:i:m:s:n:t:u:S:x:c:q:I:o:M:r:Q:A:l:D:f:B:T:L:E:J:j:K:k:X:W:aFegzRvhbNVCHUOZP"
LONG = ["server", "client", "version", "out_json", "out_json_file="]
LINE = "-" * 87
FOLDER, FAULT = os.environ["STAND_IN"], os.environ.get("FAULT", "")
IS_RATE = os.path.basename(sys.argv[0]) == "raw_ethernet_bw"

# Like the C library, Python keeps lines back in a pipe; `stdbuf -oL` asks for each line.
sys.stdout.reconfigure(line_buffering=os.environ.get("_STDBUF_O") == "L")


def fail(text):
    sys.stdout.flush()
    print(text, file=sys.stderr)
    sys.exit(1)


def invalid(why):
    fail(f" Invalid Command line.\n {why}\n Parser function exited with Error")


def parse():
    try:
        given, rest = getopt.getopt(sys.argv[1:], SHORT, LONG)
    except getopt.GetoptError as error:
        invalid(error.msg)
    options = dict(given)
    if len(options) != len(given):
        invalid("Duplicated argument")
    if rest:
        invalid("Please check command rerun")
    if "--version" in options:
        print("Version: 6.29")
        sys.exit(1)
    if ("--server" in options) == ("--client" in options):
        invalid("you must choose test side --client or --server")
    for key in ("-B", "-E"):
        if not re.fullmatch("([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", options.get(key, "")):
            invalid(f"you must enter source mac and dest mac by this format {key} XX:XX:XX:XX:XX:XX")
    if ("-K" in options) != ("-k" in options):
        invalid("you must enter server&client port --server_port X --client_port X")
    if "-K" in options and not ("-J" in options and "-j" in options):
        invalid("Please provide source_ip and/or dest_ip when using UDP")
    if not 64 <= int(options.get("-m", 1518)) <= 9600:
        invalid("Please choose mtu form {64, 9600}")
    if int(options["-s"]) > int(options.get("-m", 1518)):
        invalid("Max msg size in RawEth is MTU")
    if "-D" in options and not int(options["-D"]) > 2 * int(options.get("-f", int(options["-D"]) // 4)):
        invalid("please check that DURATION > 2*MARGIN")
    if "-n" in options and not 5 <= int(options["-n"]) <= 4294967296:
        invalid("Iteration num")
    return options


def frame(options):
    """What a flow rule matches, seen from the receiver of the client's frames."""
    return f"{options['-j']} {options['-J']} {options['-k']} {options['-K']} {options['-s']}".encode()


def print_info(options, is_server):
    print(LINE)
    print(f"                    Send {'BW' if IS_RATE else 'Latency'} Test")
    print(f" Dual-port       : OFF\t\tDevice         : {options['-d']}")
    print(" Number of qps   : 1\t\tTransport type : IB")
    print(" Connection type : RawEth\t\tUsing SRQ      : OFF")
    print(" Mtu             : " + options["-m"] + "[B]")
    print(" Data ex. method : Ethernet")
    print(LINE)
    if is_server or not IS_RATE:
        print("MAC attached  : " + options["-B"].upper())
        print("spec_info - dst_ip   : " + options["-J"])
        print("spec_info - src_ip   : " + options["-j"])
        print("spec_info - dst_port : " + options["-K"])
        print("spec_info - src_port : " + options["-k"])
    print(LINE)
    columns = "BW peak[MiB/sec]    BW average[MiB/sec]   MsgRate[Mpps]" if IS_RATE else "t_min[usec]    t_max[usec]  t_typical[usec]"
    print(f" #bytes     #iterations    {columns}")


def write_report(options, is_server, results):
    depth = ['"RX_depth": 512'] if is_server else ['"TX_depth": 1']
    info = [
        f'"test": "Send_{"BW" if IS_RATE else "Latency"}_Test"', '"Dual_port": "OFF"', f'"Device": "{options["-d"]}"', '"Number_of_qps": 1',
        '"Transport_type": "IB"', '"Connection_type": "RawEth"', '"Using_SRQ": "OFF"', ' "PCIe_relax_order": "Unsupported"', '"ibv_wr_API": "OFF"',
        *depth, f'"Mtu": {options["-m"]}', '"Link_type": "Ethernet"', '"Max_inline_data": 0', '"rdma_cm_QPs": "OFF"',
        '"Use_ROCm_memory": "OFF"', '"Use_MUSA_memory": "OFF"', '"Data_ex_method": "Ethernet"',
    ]
    text = '{\n"test_info": {\n' + ",\n".join(info) + '\n},\n"results": {\n' + ",\n".join(results) + "\n}\n}\n"
    if FAULT == "bad-json":
        text = text[: text.index('"BW_average"')]
    # As `open_file_write` opens it.
    file = os.open(options["--out_json_file"], os.O_CREAT | os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(file, text.encode())
    os.close(file)


def main():
    options = parse()
    is_server = "--server" in options
    if FAULT == ("server-fails" if is_server else "client-fails"):
        fail(" Couldn't get context for the device")
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    own = f"{FOLDER}/{options['-B'].lower()}-{'s' if is_server else 'c'}"
    if os.path.exists(own):
        # Of a run that has ended.
        os.unlink(own)
    wire.bind(own)
    peer = f"{FOLDER}/{options['-E'].lower()}-{'c' if is_server else 's'}"
    print_info(options, is_server)
    size = int(options["-s"])
    if is_server:
        while wire.recv(1000) != frame(options):
            pass
        if not IS_RATE:
            wire.sendto(b"reply", peer)
            return
    else:
        try:
            if FAULT != "sends-nothing":
                wire.sendto(frame(options), peer)
        except OSError:
            pass
        if not IS_RATE:
            wire.recv(1000)
    if IS_RATE:
        seconds, millions = int(options["-D"]), 8.127438
        time.sleep(seconds)
        iterations = int(millions * 1e6 * (seconds - 2 * int(options["-f"])))
        if FAULT == "wrong-clock":
            millions *= 1.02
        average = millions * 1e6 * size / 2**20
        results = [f'"MsgSize": {size}', f'"n_iterations": {iterations}', '"BW_peak": 0.00', f'"BW_average": {average:.2f}', f'"MsgRate": {millions:.6f}']
    else:
        iterations = int(options["-n"])
        results = [f'"MsgSize": {size}', f'"n_iterations": {iterations}', '"t_min": 1.02', '"t_max": 9.96', '"t_typical": 1.10', '"t_avg": 1.13',
                   '"t_stdev": 0.10', '"percentile_99": 1.61', '"percentile_99.9": 2.47']
    if "--out_json" in options:
        write_report(options, is_server, results)
    print(f" {size:<7}    {iterations:<10}       " + "   ".join(result.split(": ")[1] for result in results[2:]))
    print(LINE)


main()
